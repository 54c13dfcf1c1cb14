import { collectBytes, printable } from "@cpm/base";
import type { CancelSignal, CpmError } from "@cpm/base";
import { parseErrorBody } from "@cpm/oci";
import { registryError } from "./errors.ts";
import type { RegistryClientErrorCode } from "./errors.ts";
import type { Transport } from "./transport.ts";

const maxErrorBytes = 64 * 1024;

/** What a refusal means, with the registry's own words. Reads the rest of the answer. */
export async function refusal(
  transport: Transport,
  response: Response,
  doing: string,
  signal?: CancelSignal,
): Promise<CpmError> {
  const bytes = await errorBytes(transport, response, signal);
  const entries = parseErrorBody(bytes);
  const said = entries.map((entry) => `${entry.code}${entry.message === "" ? "" : `: ${entry.message}`}`).join("; ");
  const answer = said === "" ? `status ${response.status}` : `${response.status} ${said}`;
  const message = `${transport.origin.host} answered ${printable(answer, 600)} to: ${doing}`;
  return registryError(codeOfStatus(response.status), message, {
    context: { registry: transport.origin.host, status: response.status, errors: entries },
  });
}

/** Reads and drops an answer that nobody needs, so that its connection can serve again. */
export async function drop(response: Response): Promise<void> {
  await response.body?.cancel();
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

function codeOfStatus(status: number): RegistryClientErrorCode {
  const codes: Readonly<Record<number, RegistryClientErrorCode>> = {
    401: "registry/unauthorized",
    403: "registry/denied",
    404: "registry/not-found",
    409: "registry/conflict",
    412: "registry/conflict",
    413: "registry/too-large",
    429: "registry/rate-limited",
  };
  return (
    codes[status] ?? (status >= 500 ? "registry/server" : status >= 400 ? "registry/refused" : "registry/protocol")
  );
}
