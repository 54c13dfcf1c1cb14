import { createGunzip } from "node:zlib";
import type { ArchiveLimits, TarSink } from "@cpm/archive";
import {
  checkGzipHeader,
  defaultArchiveLimits,
  gzipHeaderBytes,
  TarReader,
  zstdFrameContentBytes,
  ZstdFrameWalker,
} from "@cpm/archive";
import type { ByteSource, CancelSignal, Digest } from "@cpm/base";
import { concatBytes, digestAlgorithm } from "@cpm/base";
import { contentTooLong, contentTooShort, digestMismatch } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { storeError } from "./errors.ts";
import { createHasher } from "./hash.ts";

/** What the package's config declares of a layer's content. */
export interface DeclaredLayer {
  readonly sizeBytes: number;
  readonly entries: number;
  /** Checked where it is given. Who checks every file against a tree listing has no need of it. */
  readonly diffId?: Digest;
}

export interface ReadLayerOptions {
  readonly limits?: ArchiveLimits;
  readonly onProgress?: (addedBytes: number) => void;
  readonly signal?: CancelSignal | undefined;
}

/** Frames that are decoded at once; each holds 8 MiB of content. */
const framesInFlight = 3;
const gunzipChunkBytes = 1024 * 1024;

/**
 * Reads one layer from its compressed bytes into a sink: digest and size of what arrives, frames, content size,
 * entries and every rule of the archive are checked while it streams, with bounded memory. Nothing is certain
 * before it returns: a sink that writes files does so where nobody looks yet. Throws `layer/…`, `archive/…`,
 * `zstd/…`, `gzip/…` or `store/…` errors.
 */
export async function readLayer(
  source: ByteSource,
  layer: Descriptor,
  declared: DeclaredLayer,
  sink: TarSink,
  options: ReadLayerOptions = {},
): Promise<void> {
  const limits = { ...(options.limits ?? defaultArchiveLimits) };
  const reader = new TarReader(sink, {
    ...limits,
    maxEntries: Math.min(limits.maxEntries, declared.entries),
    maxTotalBytes: Math.min(limits.maxTotalBytes, declared.sizeBytes),
  });
  const contentHash = declared.diffId === undefined ? undefined : createHasher();
  const compressed = hashed(source, layer, options);
  for await (const content of decode(compressed, layer.mediaType, declared.sizeBytes)) {
    options.signal?.throwIfAborted();
    contentHash?.update(content);
    reader.write(content);
  }
  const { entries, totalBytes } = reader.end();
  if (totalBytes !== declared.sizeBytes) {
    throw storeError(
      "layer/size",
      `layer ${layer.digest} holds ${totalBytes} bytes, ${declared.sizeBytes} are declared`,
    );
  }
  if (entries !== declared.entries) {
    throw storeError(
      "layer/entries",
      `layer ${layer.digest} holds ${entries} entries, ${declared.entries} are declared`,
    );
  }
  const diffId = contentHash?.digest();
  if (diffId !== undefined && declared.diffId !== undefined && diffId !== declared.diffId)
    throw digestMismatch(declared.diffId, diffId);
}

/** Passes the compressed bytes on and throws at the end unless they were the descriptor's. */
async function* hashed(source: ByteSource, layer: Descriptor, options: ReadLayerOptions): AsyncGenerator<Uint8Array> {
  const hasher = createHasher(digestAlgorithm(layer.digest));
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > layer.sizeBytes) throw contentTooLong(layer.digest, layer.sizeBytes);
    hasher.update(chunk);
    options.onProgress?.(chunk.length);
    yield chunk;
  }
  if (sizeBytes < layer.sizeBytes) throw contentTooShort(layer.digest, layer.sizeBytes, sizeBytes);
  const actual = hasher.digest();
  if (actual !== layer.digest) throw digestMismatch(layer.digest, actual);
}

function decode(compressed: ByteSource, mediaType: string, maxContentBytes: number): ByteSource {
  if (mediaType.endsWith("+zstd")) return decodeZstd(compressed, maxContentBytes);
  if (mediaType.endsWith("+gzip")) return decodeGzip(compressed, maxContentBytes);
  throw storeError("layer/media-type", `a layer of media type ${mediaType} cannot be read`);
}

/** Decodes whole frames on other threads, some at once, and gives them in order. */
async function* decodeZstd(compressed: ByteSource, maxContentBytes: number): AsyncGenerator<Uint8Array> {
  const decoded: Promise<Uint8Array>[] = [];
  let parts: Uint8Array[] = [];
  let ended: number | undefined;
  const limits = { maxFrameContentBytes: zstdFrameContentBytes, maxTotalContentBytes: maxContentBytes };
  const walker = new ZstdFrameWalker(limits, (frame) => (ended = frame.contentBytes));
  for await (const chunk of compressed) {
    let at = 0;
    while (at < chunk.length) {
      const taken = walker.write(chunk.subarray(at));
      parts.push(chunk.subarray(at, at + taken));
      at += taken;
      if (ended === undefined) continue;
      const promise = decodeFrame(concatBytes(parts), ended);
      // A failure is thrown where the frame is awaited; until then it must not count as unhandled.
      promise.catch(() => {});
      decoded.push(promise);
      parts = [];
      ended = undefined;
      while (decoded.length >= framesInFlight) yield await next(decoded);
    }
  }
  walker.end();
  while (decoded.length > 0) yield await next(decoded);
}

async function next(decoded: Promise<Uint8Array>[]): Promise<Uint8Array> {
  return (await decoded.shift()) ?? new Uint8Array(0);
}

async function decodeFrame(frame: Uint8Array, contentBytes: number): Promise<Uint8Array> {
  let content: Uint8Array;
  try {
    content = await Bun.zstdDecompress(frame);
  } catch (cause) {
    throw storeError("layer/decode", "a zstd frame does not decode", { cause });
  }
  if (content.length !== contentBytes) {
    throw storeError("layer/decode", `a zstd frame holds ${content.length} bytes and declares ${contentBytes}`);
  }
  return content;
}

/** One plain gzip member whose trailer fits what was decoded: a second member or trailing bytes do not. */
async function* decodeGzip(compressed: ByteSource, maxContentBytes: number): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: gunzipChunkBytes });
  const feed = feedGunzip(compressed, gunzip);
  // A failure of the feeder destroys the stream, and the loop below throws it.
  feed.catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : new Error(String(error))));
  let sizeBytes = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxContentBytes)
        throw storeError("layer/size", `a gzip layer holds more than the ${maxContentBytes} bytes declared`);
      yield chunk;
    }
  } catch (error) {
    await feed;
    if (error instanceof Error && "code" in error && /^Z_|^ERR_/.test(String(error.code))) {
      throw storeError("layer/decode", `the gzip stream does not decode: ${error.message}`, { cause: error });
    }
    throw error;
  }
  const trailer = await feed;
  const declared =
    (trailer[0] ?? 0) + (trailer[1] ?? 0) * 2 ** 8 + (trailer[2] ?? 0) * 2 ** 16 + (trailer[3] ?? 0) * 2 ** 24;
  if (declared !== sizeBytes % 2 ** 32)
    throw storeError("layer/decode", "the gzip stream has a second member or trailing bytes");
}

/** Resolves to the last four bytes, which hold the content's size (RFC 1952 §2.3.1). */
async function feedGunzip(compressed: ByteSource, gunzip: ReturnType<typeof createGunzip>): Promise<Uint8Array> {
  let header = new Uint8Array(0);
  let tail = new Uint8Array(0);
  let checked = false;
  for await (const chunk of compressed) {
    if (!checked) {
      header = concatBytes([header, chunk.subarray(0, gzipHeaderBytes)]);
      if (header.length >= gzipHeaderBytes) {
        checkGzipHeader(header);
        checked = true;
      }
    }
    tail = concatBytes([tail, chunk.subarray(-4)]).slice(-4);
    if (!gunzip.write(chunk))
      await new Promise<void>((resolve) => gunzip.once("drain", resolve).once("close", resolve));
    if (gunzip.destroyed) break;
  }
  if (!checked) checkGzipHeader(header);
  gunzip.end();
  return tail;
}
