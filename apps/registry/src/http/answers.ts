import { isCpmError, toErrorRecord } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { formatChallenge, httpStatusOfKind } from "@cpm/oci";
import { ociAnswers, registryError } from "../errors.ts";

/** Our own failures that a client can do something about: how they are answered, and what it is told. */
const ownFailures: Readonly<Record<string, readonly [status: number, message: string]>> = {
  "store/no-space": [507, "the registry's disk is full"],
  "registry-server/database": [503, "the registry's database cannot be reached; try again"],
  "registry-server/database-busy": [503, "the registry is too busy to take a change; try again"],
};
const retryAfterS = 5;

/** Where tokens are to be had: both are named in every challenge. */
export interface TokenService {
  readonly realm: string;
  readonly service: string;
}

/** The host that clients reach the registry by, as it stands in what they sign. */
export function hostOf({ realm }: TokenService): string {
  return new URL(realm).host;
}

/** The one way in which an error leaves the server: the body of the distribution specification. */
export function errorResponse(thrown: unknown, requestId: string, tokenService: TokenService): Response {
  const error = isAbort(thrown) ? registryError("registry-server/interrupted", "the connection was closed") : thrown;
  const answer = isCpmError(error) ? ociAnswers[error.code] : undefined;
  if (!isCpmError(error) || answer === undefined) {
    // The detail goes to the log, the id to the caller.
    const [status, text] = (isCpmError(error) ? ownFailures[error.code] : undefined) ?? [500, "internal error"];
    const headers: Record<string, string> = status === 503 ? { "retry-after": String(retryAfterS) } : {};
    return json(status, { errors: [{ code: "UNKNOWN", message: `${text}, request ${requestId}` }] }, headers);
  }
  const { code, message, kind, hint, context } = toErrorRecord(error);
  const detail = { code, ...(hint === undefined ? {} : { hint }), ...(context as JsonObject | undefined) };
  const status = answer.status ?? httpStatusOfKind[kind];
  const headers = headersOf(status, context ?? {}, tokenService);
  return json(status, { errors: [{ code: answer.code, message, detail }] }, headers);
}

/** One challenge, always Bearer: with Basic, docker takes a registry that lets itself be read for one without logins. */
function headersOf(
  status: number,
  { scope, error, retryAfterS }: Readonly<Record<string, unknown>>,
  { realm, service }: TokenService,
): Record<string, string> {
  if (status === 429 || retryAfterS !== undefined) return { "retry-after": String(retryAfterS) };
  if (status !== 401) return {};
  const more = Object.entries({ scope, error }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { "www-authenticate": formatChallenge("Bearer", { realm, service, ...Object.fromEntries(more) }) };
}

/** What the body of a request throws when its connection ends too early. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/**
 * An answer that is not a response yet: what is asked for most often becomes one once, with the request's id among its
 * headers, since changing the headers of a response costs as much as making it.
 */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly sentBytes: number;
}

export function toResponse(answer: Response | PlainAnswer, requestId: string): Response {
  if (answer instanceof Response) {
    answer.headers.set("x-request-id", requestId);
    return answer;
  }
  const { status, headers, body } = answer;
  return new Response(body as Uint8Array<ArrayBuffer> | null, {
    status,
    headers: { ...headers, "x-request-id": requestId },
  });
}

/** Of the body, where its length is known. */
export function sentBytesOf(answer: Response | PlainAnswer): number {
  return answer instanceof Response ? Number(answer.headers.get("content-length") ?? 0) : answer.sentBytes;
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", "content-length": length, ...headers },
  });
}

export function noContent(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { "content-length": "0", ...headers } });
}
