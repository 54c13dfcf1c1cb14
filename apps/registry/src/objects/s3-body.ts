import type { ByteSource } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import { contentLost, storageFailed } from "../errors.ts";
import type { ByteRange } from "./object-storage.ts";
import type { S3Client } from "./s3-client.ts";

/** How often a body that broke off is asked for again from where it stopped. */
const maxResumptions = 3;

/**
 * Bytes of an object, exactly those of the range. A connection that ends early or falls silent is replaced by one
 * for the rest, of the same object by its ETag; in the end it fails. Nothing is asked for before the first byte is.
 */
export async function* s3Bytes(client: S3Client, key: string, sizeBytes: number, range: ByteRange): ByteSource {
  const { endBytes } = range;
  let at = range.startBytes;
  let etag: string | undefined;
  for (let turn = 0; at < endBytes; turn++) {
    const abort = new AbortController();
    try {
      const response = await openRange(client, key, sizeBytes, { startBytes: at, endBytes }, etag, abort);
      etag = response.headers.get("etag") ?? undefined;
      const reader = bodyOf(response).getReader();
      while (at < endBytes) {
        const { done, value } = await within(reader.read(), client.patience.silenceTimeoutMs);
        if (done) throw new Error(`the body ended ${endBytes - at} bytes too early`);
        if (value.length > endBytes - at) throw storageFailed(`S3 answered more of ${key} than was asked for`);
        at += value.length;
        yield value;
      }
    } catch (error) {
      if (isCpmError(error)) throw error;
      if (turn >= maxResumptions)
        throw storageFailed(`GET ${key}: ${error instanceof Error ? error.message : String(error)}`, error);
    } finally {
      // Also when whoever reads has had enough.
      abort.abort();
    }
  }
}

async function openRange(
  client: S3Client,
  key: string,
  sizeBytes: number,
  { startBytes, endBytes }: ByteRange,
  etag: string | undefined,
  abort: AbortController,
): Promise<Response> {
  const headers = {
    range: `bytes=${startBytes}-${endBytes - 1}`,
    ...(etag === undefined ? {} : { "if-match": etag }),
  };
  const response = await client.open({ method: "GET", key, headers, alsoFine: [404, 412, 416] }, abort);
  if (!response.ok) throw lost(key);
  const total = response.headers.get("content-range")?.split("/")[1] ?? response.headers.get("content-length");
  if (Number(total) !== sizeBytes) throw lost(key);
  // A store that takes no notice of the range would begin at the beginning.
  if (response.status !== 206 && (startBytes > 0 || endBytes < sizeBytes))
    throw storageFailed(`S3 answered ${response.status} to a range of ${key}`);
  return response;
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  return body ?? new ReadableStream({ start: (controller) => controller.close() });
}

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: silent, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`nothing for ${timeoutMs} ms`)), timeoutMs);
  // When the time is up nobody waits for it any more.
  promise.catch(() => undefined);
  return Promise.race([promise, silent]).finally(() => clearTimeout(timer));
}

function lost(key: string) {
  return contentLost(`${key} is gone or has another size`);
}
