import { randomInt } from "node:crypto";
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
import { freeBytes } from "./free-bytes.ts";
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

/**
 * A sink that goes on working after a call. The pieces given to it stay as they are until `settled`, asked for once
 * after they were given, has resolved; it rejects with what failed. Undefined says that nothing given since the last
 * time is still worked on. Without it a piece is valid during the call only.
 */
export interface LayerSink extends TarSink {
  settled?(): Promise<void> | undefined;
}

/** Content as it is decoded. It is given back as soon as nobody reads it: waiting for the collector costs memory. */
interface Piece {
  readonly bytes: Uint8Array;
  release(): void;
}

/** Frames that are decoded at once; each holds 8 MiB of content. */
const framesInFlight = 2;
/** No encoder needs so much for a frame; one that is made of empty blocks would need any amount of memory. */
const maxFrameBytes = 2 * zstdFrameContentBytes;
const gunzipChunkBytes = 1024 * 1024;
const frameBufferBytes = 1024 * 1024;
/** What the reader is given at once: so much is still in the processor's cache when it is hashed and then written. */
const stepBytes = 1024 * 1024;

/**
 * Reads one layer from its compressed bytes into a sink: digest and size of what arrives, frames, content size,
 * entries and every rule of the archive are checked while it streams, with bounded memory. Nothing is certain
 * before it returns: a sink that writes files does so where nobody looks yet. Keeps no chunk of the source beyond
 * the next one. Throws `layer/…`, `archive/…`, `zstd/…`, `gzip/…` or `store/…` errors.
 */
export async function readLayer(
  source: ByteSource,
  layer: Descriptor,
  declared: DeclaredLayer,
  sink: LayerSink,
  options: ReadLayerOptions = {},
): Promise<void> {
  await readCheckedLayer(hashed(source, layer, options), layer, declared, sink, options);
}

/** The same for a source that itself throws at its end unless its bytes were the layer's. */
export async function readCheckedLayer(
  compressed: ByteSource,
  layer: Descriptor,
  declared: DeclaredLayer,
  sink: LayerSink,
  options: ReadLayerOptions = {},
): Promise<void> {
  const limits = options.limits ?? defaultArchiveLimits;
  const bounds = {
    ...limits,
    maxEntries: Math.min(limits.maxEntries, declared.entries),
    maxTotalBytes: Math.min(limits.maxTotalBytes, declared.sizeBytes),
  };
  const reader = new TarReader(sink, bounds, randomInt(2 ** 32));
  const contentHash = declared.diffId === undefined ? undefined : createHasher();
  const settle = new Settling(sink);
  try {
    for await (const piece of decode(compressed, layer.mediaType, declared.sizeBytes)) {
      options.signal?.throwIfAborted();
      for (let at = 0; at < piece.bytes.length; at += stepBytes) {
        const step = piece.bytes.subarray(at, at + stepBytes);
        contentHash?.update(step);
        reader.write(step);
      }
      await settle.after(piece);
    }
  } finally {
    await settle.end();
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

/** Lets a sink work on one piece while the next is read, and gives a piece back when the sink is done with it. */
class Settling {
  readonly #sink: LayerSink;
  #before: { readonly piece: Piece; readonly settled: Promise<void> } | undefined;

  constructor(sink: LayerSink) {
    this.#sink = sink;
  }

  async after(piece: Piece): Promise<void> {
    const settled = this.#sink.settled?.();
    if (settled === undefined) {
      piece.release();
      return;
    }
    // A failure is thrown where it is awaited; until then it must not count as unhandled.
    settled?.catch(() => {});
    await this.end();
    this.#before = { piece, settled };
  }

  async end(): Promise<void> {
    const before = this.#before;
    this.#before = undefined;
    await before?.settled;
    before?.piece.release();
  }
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

function decode(compressed: ByteSource, mediaType: string, maxContentBytes: number): AsyncIterable<Piece> {
  if (mediaType.endsWith("+zstd")) return decodeZstd(compressed, maxContentBytes);
  if (mediaType.endsWith("+gzip")) return decodeGzip(compressed, maxContentBytes);
  throw storeError("layer/media-type", `a layer of media type ${mediaType} cannot be read`);
}

/** Decodes whole frames on other threads, some at once, and gives them in order. */
async function* decodeZstd(compressed: ByteSource, maxContentBytes: number): AsyncGenerator<Piece> {
  const decoded: Promise<Piece>[] = [];
  const spare: FrameBuffer[] = [];
  let buffer = new FrameBuffer();
  let ended: number | undefined;
  const limits = { maxFrameContentBytes: zstdFrameContentBytes, maxTotalContentBytes: maxContentBytes };
  const walker = new ZstdFrameWalker(limits, (frame) => (ended = frame.contentBytes));
  for await (const chunk of compressed) {
    let at = 0;
    while (at < chunk.length) {
      const taken = walker.write(chunk.subarray(at));
      buffer.append(chunk.subarray(at, at + taken));
      at += taken;
      if (ended === undefined) continue;
      const frame = buffer;
      const promise = decodeFrame(frame.bytes(), ended).finally(() => spare.push(frame.empty()));
      // A failure is thrown where the frame is awaited; until then it must not count as unhandled.
      promise.catch(() => {});
      decoded.push(promise);
      ended = undefined;
      while (decoded.length >= framesInFlight) yield* next(decoded);
      buffer = spare.pop() ?? new FrameBuffer();
    }
  }
  walker.end();
  while (decoded.length > 0) yield* next(decoded);
}

async function* next(decoded: Promise<Piece>[]): AsyncGenerator<Piece> {
  const piece = await decoded.shift();
  if (piece !== undefined) yield piece;
}

/** The compressed bytes of one frame, in memory that serves many frames after one another. */
class FrameBuffer {
  #bytes = new Uint8Array(frameBufferBytes);
  #length = 0;

  append(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > maxFrameBytes) throw storeError("layer/decode", `a zstd frame takes more than ${maxFrameBytes} bytes`);
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(Math.max(length, 2 * this.#bytes.length), maxFrameBytes));
      larger.set(this.bytes());
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  empty(): this {
    this.#length = 0;
    return this;
  }
}

async function decodeFrame(frame: Uint8Array<ArrayBuffer>, contentBytes: number): Promise<Piece> {
  let content: Uint8Array;
  try {
    content = await Bun.zstdDecompress(frame);
  } catch (cause) {
    throw storeError("layer/decode", "a zstd frame does not decode", { cause });
  }
  if (content.length !== contentBytes) {
    throw storeError("layer/decode", `a zstd frame holds ${content.length} bytes and declares ${contentBytes}`);
  }
  return { bytes: content, release: () => freeBytes(content) };
}

/** One plain gzip member whose trailer fits what was decoded: a second member or trailing bytes do not. */
async function* decodeGzip(compressed: ByteSource, maxContentBytes: number): AsyncGenerator<Piece> {
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
      yield { bytes: chunk, release() {} };
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
