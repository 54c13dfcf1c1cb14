import type { Diagnostic } from "./diagnostic.ts";

/**
 * The canonical RPC codes, in snake case (google.rpc.Code). A kind says what sort of failure it is;
 * it is mapped to an exit status, an HTTP status or a gRPC status only at the edges.
 */
export type ErrorKind =
  | "cancelled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "unauthenticated"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss";

/** One row of a package's error table. `hint` is the default advice; a thrower may give a better one. */
export interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly title: string;
  readonly hint?: string;
}

/** A package's errors by code. Codes are `area/reason` in kebab case and never change. */
export type ErrorTable = Readonly<Record<string, ErrorEntry>>;

export interface ErrorDetails {
  /** What to try. Defaults to the table's hint. */
  readonly hint?: string | undefined;
  /** Values that a program may want: digests, names, limits. Never a secret. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
  /** Where in which file, when the failure is about a file that the user wrote. */
  readonly diagnostics?: readonly Diagnostic[] | undefined;
}

/** The one error class. Recognise an error by its `code`, never by class or message. */
export class CpmError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly context: Readonly<Record<string, unknown>> | undefined;
  readonly diagnostics: readonly Diagnostic[] | undefined;

  constructor(code: string, kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "CpmError";
    this.code = code;
    this.kind = kind;
    this.hint = details.hint;
    this.context = details.context;
    this.diagnostics = details.diagnostics;
  }
}

/**
 * Makes the error that a package's table lists under `code`. Each package wraps this in one small
 * named constructor per error, so that a call site reads `throw digestMismatch(expected, actual)`.
 */
export function createError<T extends ErrorTable>(
  table: T,
  code: keyof T & string,
  message: string,
  details: ErrorDetails = {},
): CpmError {
  const entry = table[code];
  if (entry === undefined) throw new TypeError(`error code ${code} is not in its table`);
  return new CpmError(code, entry.kind, message, { ...details, hint: details.hint ?? entry.hint });
}

/**
 * True for an error of ours, also one made by a second copy of this module (bundled libraries), and
 * narrowed to one code where it is given.
 */
export function isCpmError(error: unknown, code?: string): error is CpmError {
  if (!(error instanceof Error) || error.name !== "CpmError") return false;
  const candidate = error as Partial<CpmError>;
  if (typeof candidate.code !== "string" || typeof candidate.kind !== "string") return false;
  return code === undefined || candidate.code === code;
}

/** The fields of an error that `--json`, a log line or an HTTP body may carry. */
export interface ErrorRecord {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly diagnostics?: readonly Diagnostic[];
}

/** The public record of any thrown value; what is not a `CpmError` becomes `internal/unexpected`. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (!isCpmError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: "internal/unexpected", kind: "internal", message };
  }
  return {
    code: error.code,
    kind: error.kind,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.context === undefined ? {} : { context: error.context }),
    ...(error.diagnostics === undefined ? {} : { diagnostics: error.diagnostics }),
  };
}

/** The errors of base. `createError` checks the shape of every table that it is given. */
export const baseErrors = {
  "digest/invalid": {
    kind: "invalid_argument",
    title: "Not a digest",
    hint: "A digest is sha256: followed by 64 lower-case hex digits.",
  },
  "json/invalid": { kind: "invalid_argument", title: "Not valid JSON" },
  "bytes/too-large": { kind: "resource_exhausted", title: "More bytes than allowed" },
  "text/invalid-utf8": { kind: "invalid_argument", title: "Not valid UTF-8" },
} as const;
