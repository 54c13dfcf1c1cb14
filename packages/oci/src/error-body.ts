import { decodeUtf8, isJsonObject, parseJson, printable } from "@cpm/base";
import type { ErrorKind, JsonValue } from "@cpm/base";

/** The error codes of distribution-spec v1.1, "Error Codes". */
export type OciErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS";

export interface OciErrorEntry {
  readonly code: string;
  readonly message: string;
  readonly detail?: JsonValue;
}

const maxErrors = 20;

/** `{"errors":[{code,message,detail}]}`; an empty list for any body that is not one, since proxies answer in HTML. */
export function parseErrorBody(bytes: Uint8Array): OciErrorEntry[] {
  let body: JsonValue;
  try {
    body = parseJson(decodeUtf8(bytes));
  } catch {
    return [];
  }
  const errors = isJsonObject(body) ? body["errors"] : undefined;
  if (!Array.isArray(errors)) return [];
  return errors.slice(0, maxErrors).flatMap((entry: JsonValue): OciErrorEntry[] => {
    if (!isJsonObject(entry) || typeof entry["code"] !== "string") return [];
    const { code, message, detail } = entry;
    return [
      {
        code: printable(code, 64),
        message: printable(typeof message === "string" ? message : "", 500),
        ...(detail === undefined || detail === null ? {} : { detail }),
      },
    ];
  });
}

/** The HTTP status that a kind of error is answered with. */
export const httpStatusOfKind: Readonly<Record<ErrorKind, number>> = {
  cancelled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  unauthenticated: 401,
  resource_exhausted: 413,
  failed_precondition: 412,
  aborted: 409,
  out_of_range: 416,
  unimplemented: 405,
  internal: 500,
  unavailable: 503,
  data_loss: 400,
};

const kinds: Readonly<Record<number, ErrorKind>> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  405: "unimplemented",
  408: "deadline_exceeded",
  409: "already_exists",
  412: "failed_precondition",
  413: "resource_exhausted",
  416: "out_of_range",
  429: "resource_exhausted",
  499: "cancelled",
  500: "internal",
  501: "unimplemented",
  502: "unavailable",
  503: "unavailable",
  504: "deadline_exceeded",
};

/** The kind that an HTTP status from a server stands for. */
export function kindOfHttpStatus(status: number): ErrorKind {
  return kinds[status] ?? (status >= 500 ? "unavailable" : "unknown");
}
