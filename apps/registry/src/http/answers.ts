import { isCpmError, toErrorRecord } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { httpStatusOfKind } from "@cpm/oci";
import { ociCodes } from "../errors.ts";

/** The one way in which an error leaves the server: the body of the distribution specification. */
export function errorResponse(error: unknown, requestId: string): Response {
  if (!isCpmError(error)) {
    // The detail goes to the log, the id to the caller.
    return json(500, { errors: [{ code: "UNKNOWN", message: `internal error, request ${requestId}` }] });
  }
  const { code, message, kind, hint, context } = toErrorRecord(error);
  const status = kind === "permission_denied" && code === "registry/version-exists" ? 409 : httpStatusOfKind[kind];
  const detail = { code, ...(hint === undefined ? {} : { hint }), ...(context as JsonObject | undefined) };
  return json(status, { errors: [{ code: ociCodes[code] ?? "UNSUPPORTED", message, detail }] });
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

export function noContent(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { "content-length": "0", ...headers } });
}
