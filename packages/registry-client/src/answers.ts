import { collectBytes, decodeUtf8, isJsonObject, parseJson, printable } from "@cpm/base";
import type { CancelSignal, CpmError, JsonValue } from "@cpm/base";
import { parseErrorBody } from "@cpm/oci";
import type { OciErrorEntry } from "@cpm/oci";
import { registryError } from "./errors.ts";
import type { RegistryClientErrorCode } from "./errors.ts";
import type { Transport } from "./transport.ts";

const maxErrorBytes = 64 * 1024;

/** What a refusal means, with the registry's own words. Reads the rest of the answer, unless `bytes` are it. */
export async function refusal(
  transport: Transport,
  response: Response,
  doing: string,
  signal?: CancelSignal,
  bytes?: Uint8Array,
): Promise<CpmError> {
  const entries = parseErrorBody(bytes ?? (await errorBytes(transport, response, signal)));
  const said = entries.map((entry) => `${entry.code}${entry.message === "" ? "" : `: ${entry.message}`}`).join("; ");
  const answer = said === "" ? `status ${response.status}` : `${response.status} ${said}`;
  const message = `${transport.origin.host} answered ${printable(answer, 600)} to: ${doing}`;
  return registryError(codeOf(transport, response), message, {
    hint: hintOf(entries),
    context: { registry: transport.origin.host, status: response.status, errors: entries },
  });
}

/** What cpm-registry advises; it knows better than this side what would help. */
function hintOf(entries: readonly OciErrorEntry[]): string | undefined {
  const detail = entries[0]?.detail;
  const hint = detail !== undefined && isJsonObject(detail) ? detail["hint"] : undefined;
  return typeof hint === "string" ? printable(hint, 400) : undefined;
}

/** Throws `registry/protocol` for what is no JSON, such as the page of a proxy. */
export function parseJsonAnswer(bytes: Uint8Array, where: string): JsonValue {
  try {
    return parseJson(decodeUtf8(bytes), { file: where });
  } catch (cause) {
    throw registryError("registry/protocol", `the answer of ${where} is not JSON`, { cause });
  }
}

async function errorBytes(transport: Transport, response: Response, signal?: CancelSignal): Promise<Uint8Array> {
  try {
    return await collectBytes(transport.body(response, signal), maxErrorBytes);
  } catch {
    // The status is the news; a body that is cut off or endless adds nothing to it.
    signal?.throwIfAborted();
    return new Uint8Array(0);
  }
}

const codes: Readonly<Record<number, RegistryClientErrorCode>> = {
  401: "registry/unauthorized",
  403: "registry/denied",
  404: "registry/not-found",
  409: "registry/conflict",
  412: "registry/conflict",
  413: "registry/too-large",
  429: "registry/rate-limited",
};

function codeOf(transport: Transport, response: Response): RegistryClientErrorCode {
  const { status, headers } = response;
  // Some registries answer 401 also to whom they know and do not permit it; other credentials are no help then.
  const known = transport.identified && /error="?insufficient_scope/.test(headers.get("www-authenticate") ?? "");
  if (status === 401 && known) return "registry/denied";
  return (
    codes[status] ?? (status >= 500 ? "registry/server" : status >= 400 ? "registry/refused" : "registry/protocol")
  );
}
