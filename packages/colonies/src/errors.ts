import type { CpmError } from "@cpm/base";
import { createError, isCpmError, printable } from "@cpm/base";

export const coloniesErrors = {
  "colonies/unreachable": {
    kind: "unavailable",
    title: "The ColonyOS server does not answer",
    hint: "Check that it runs, and COLONIES_SERVER_HOST, COLONIES_SERVER_PORT and COLONIES_TLS.",
  },
  "colonies/timeout": { kind: "deadline_exceeded", title: "The ColonyOS server took too long to answer" },
  "colonies/protocol": {
    kind: "internal",
    title: "An answer that is not ColonyOS's",
    hint: "Check that COLONIES_SERVER_HOST and COLONIES_SERVER_PORT name a ColonyOS server.",
  },
  "colonies/no-answer": {
    kind: "permission_denied",
    title: "The server sent an empty answer, as it does to those who are not members",
    hint: "Use the key of a user of this colony: COLONIES_PRVKEY.",
  },
  "colonies/denied": {
    kind: "permission_denied",
    title: "The key may not do this",
    hint: "A user's or approved executor's key is a member; the colony owner's key is not. Check COLONIES_PRVKEY.",
  },
  "colonies/unauthenticated": {
    kind: "unauthenticated",
    title: "The call needs a signature",
    hint: "Set COLONIES_PRVKEY.",
  },
  "colonies/not-found": { kind: "not_found", title: "ColonyOS does not have it" },
  "colonies/no-process": { kind: "not_found", title: "No process is waiting for this executor" },
  "colonies/exists": { kind: "already_exists", title: "The name is taken in this colony" },
  "colonies/in-use": { kind: "failed_precondition", title: "Something still uses it" },
  "colonies/state": { kind: "failed_precondition", title: "Not possible in its present state" },
  "colonies/job-lost": { kind: "cancelled", title: "The executor's job is no longer wanted" },
  "colonies/paused": { kind: "unavailable", title: "The colony's assignments are paused" },
  "colonies/no-database": { kind: "unavailable", title: "The ColonyOS server cannot reach its database" },
  "colonies/refused": { kind: "invalid_argument", title: "ColonyOS refuses the request" },
  "colonies/server-error": { kind: "internal", title: "ColonyOS failed" },
  "colonies/invalid-key": {
    kind: "invalid_argument",
    title: "Not a private key",
    hint: "A private key is 64 hex digits.",
  },
  "colonies/invalid-name": {
    kind: "invalid_argument",
    title: "A name that would damage the colony's lists",
    hint: "Use letters, digits, dots, dashes and underscores, at most 128.",
  },
  "colonies/invalid-spec": { kind: "invalid_argument", title: "A specification that ColonyOS would misread" },
} as const;

type ColoniesErrorCode = keyof typeof coloniesErrors;

/** What the server's texts mean. Statuses alone do not tell: 500 is also "not found", 400 also "exists". */
const meanings: readonly (readonly [status: number | undefined, text: RegExp, code: ColoniesErrorCode])[] = [
  [404, /^No process available/, "colonies/no-process"],
  [408, /paused/, "colonies/paused"],
  [503, /paused/, "colonies/paused"],
  // Most of the database's errors come as 400; these say that it is away, not that the request is wrong.
  [
    400,
    /^(dial tcp|read tcp|write tcp|EOF$|driver: bad connection|pq: (the database system is|terminating|sorry, too many))/,
    "colonies/no-database",
  ],
  [undefined, /already exists|duplicate key/i, "colonies/exists"],
  [409, /still exist/, "colonies/in-use"],
  [403, /not assigned|not allowed|not running/, "colonies/state"],
  [403, /./, "colonies/denied"],
  [404, /./, "colonies/not-found"],
  [500, /is nil|not found|does not exist/, "colonies/not-found"],
  [400, /^((User|Colony) with name .* not found|Attribute does not exist)/, "colonies/not-found"],
  [400, /^(Tried to|Failed to cancel|Failed to remove)/, "colonies/state"],
  [400, /./, "colonies/refused"],
  [500, /^(Nodename|Duplicate nodename|Failed to submit workflow)/, "colonies/refused"],
];

/** The server's refusal as one of our errors, with its own status and words. */
export function serverRefusal(payloadType: string, status: number, message: string): CpmError {
  const code =
    meanings.find(([wanted, text]) => (wanted ?? status) === status && text.test(message))?.[2] ??
    "colonies/server-error";
  return createError(coloniesErrors, code, printable(message, 500), {
    context: { payloadType, status, serverMessage: printable(message, 500) },
  });
}

export function unreachable(endpoint: string, cause: unknown): CpmError {
  return createError(coloniesErrors, "colonies/unreachable", `no ColonyOS server answers at ${endpoint}`, {
    cause,
    context: { endpoint },
  });
}

export function callTimeout(endpoint: string, payloadType: string, timeoutMs: number): CpmError {
  return createError(
    coloniesErrors,
    "colonies/timeout",
    `${endpoint} did not answer ${payloadType} within ${timeoutMs} ms`,
    {
      context: { endpoint, payloadType, timeoutMs },
    },
  );
}

export function protocolFault(payloadType: string, why: string, cause?: unknown): CpmError {
  return createError(coloniesErrors, "colonies/protocol", `the answer to ${payloadType} ${why}`, {
    cause,
    context: { payloadType },
  });
}

export function coloniesError(
  code: ColoniesErrorCode,
  message: string,
  context?: Record<string, unknown>,
  cause?: unknown,
): CpmError {
  return createError(coloniesErrors, code, message, { context, cause });
}

/** The status that the server gave inside its answer; undefined for errors that are not the server's. */
export function serverStatus(error: unknown): number | undefined {
  const context = isCpmError(error) ? error.context : undefined;
  return typeof context?.["status"] === "number" ? context["status"] : undefined;
}
