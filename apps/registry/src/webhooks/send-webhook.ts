import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { addressOf, isPublicAddress } from "../network-address.ts";

export interface WebhookMessage {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SendRules {
  /** Lets messages go to private networks and to this machine. */
  readonly privateAddresses: boolean;
  /** Of looking the name up, connecting and answering together. */
  readonly timeoutMs: number;
  /** Certificates to trust in place of the system's. */
  readonly ca?: string;
}

/**
 * Posts a message and answers the status. It connects to the address that was looked at, so that a name cannot mean
 * another one meanwhile; no redirect is followed, and of the answer nothing but the status is read. Throws an `Error`
 * that says what went wrong, in words that tell nothing about a network that the receiver's owner cannot see.
 */
export async function sendWebhook(message: WebhookMessage, rules: SendRules, signal: AbortSignal): Promise<number> {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(rules.timeoutMs)]);
  try {
    const address = await orAbort(() => resolve(message.url, rules), ending);
    return await orAbort(() => post(message, address, rules, ending), ending);
  } catch (error) {
    if (ending.aborted && !signal.aborted)
      throw new Error(`there was no answer within ${rules.timeoutMs} ms`, { cause: error });
    throw error;
  }
}

async function resolve({ hostname }: URL, { privateAddresses }: SendRules): Promise<string> {
  const literal = addressOf(hostname);
  const addresses =
    literal === undefined ? (await lookup(hostname, { all: true })).map((entry) => entry.address) : [literal];
  // All of them: a name that means both is not to be tried until it means the other.
  if (!privateAddresses && !addresses.every(isPublicAddress)) throw new Error("the address is on a private network");
  const [first] = addresses;
  if (first === undefined) throw new Error("the name has no address");
  return first;
}

function post({ url, headers, body }: WebhookMessage, address: string, { ca }: SendRules, signal: AbortSignal) {
  const secure = url.protocol === "https:";
  return new Promise<number>((resolve, reject) => {
    const options = {
      host: address,
      port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
      method: "POST",
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host, "content-length": String(Buffer.byteLength(body)), connection: "close" },
      agent: false,
      // The certificate is the name's, whatever address it has.
      ...(secure && addressOf(url.hostname) === undefined ? { servername: url.hostname } : {}),
      ...(ca === undefined ? {} : { ca }),
    } as const;
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    signal.addEventListener("abort", () => request.destroy());
    request.end(body);
  });
}

async function orAbort<T>(begin: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const work = begin();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whoever gave up is not told what came of it.
    work.catch(() => undefined);
  }
}
