import { isCpmError, toErrorRecord } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { httpStatusOfKind } from "@cpm/oci";
import { ociAnswers, registryError } from "../errors.ts";

const insufficientStorage = 507;

/** The one way in which an error leaves the server: the body of the distribution specification. */
export function errorResponse(thrown: unknown, requestId: string): Response {
  const error = isAbort(thrown) ? registryError("registry-server/interrupted", "the connection was closed") : thrown;
  const answer = isCpmError(error) ? ociAnswers[error.code] : undefined;
  if (!isCpmError(error) || answer === undefined) {
    // The detail goes to the log, the id to the caller.
    const full = isCpmError(error, "store/no-space");
    const message = `${full ? "the registry's disk is full" : "internal error"}, request ${requestId}`;
    return json(full ? insufficientStorage : 500, { errors: [{ code: "UNKNOWN", message }] });
  }
  const { code, message, kind, hint, context } = toErrorRecord(error);
  const detail = { code, ...(hint === undefined ? {} : { hint }), ...(context as JsonObject | undefined) };
  return json(answer.status ?? httpStatusOfKind[kind], { errors: [{ code: answer.code, message, detail }] });
}

/** What the body of a request throws when its connection ends too early. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

export function noContent(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { "content-length": "0", ...headers } });
}
