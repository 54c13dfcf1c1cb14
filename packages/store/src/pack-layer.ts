import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import {
  encodeTarHeader,
  formatTreeEntry,
  TarReader,
  tarBlockBytes,
  tarEndBytes,
  tarPaddingBytes,
  zstdFrameContentBytes,
} from "@cpm/archive";
import type { CancelSignal, Digest } from "@cpm/base";
import { storeError, withFileErrors } from "./errors.ts";
import { readChunkBytes, removeFile, writeFully } from "./files.ts";
import { freeBytes } from "./free-bytes.ts";
import type { Hasher } from "./hash.ts";
import { createHasher, digestOf } from "./hash.ts";
import type { SourceEntry } from "./list-files.ts";

/** What a layer became. The file at the path given holds its compressed bytes. */
export interface PackedLayer {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** sha256 and size of the uncompressed tar. */
  readonly diffId: Digest;
  readonly contentBytes: number;
  readonly entries: number;
  /** Lines of the tree listing, by path, from which the address of the whole tree is made. */
  readonly listing: ReadonlyMap<string, string>;
}

export interface PackOptions {
  /** 1 to 19. Default 3. It changes the compressed digest, never the uncompressed one. */
  readonly compressionLevel?: number;
  readonly onProgress?: (addedBytes: number) => void;
  readonly signal?: CancelSignal | undefined;
}

/** Frames that are compressed at once: enough to keep the cores of a small machine busy, in 64 MiB of memory. */
const framesInFlight = 3;
const zeros = new Uint8Array(tarBlockBytes);

/**
 * Packs entries, in the order of an archive, into a new file: a canonical tar, compressed as independent zstd
 * frames of 8 MiB so that it can be decoded in parallel. Never holds more than a few frames. The file is removed
 * when anything fails; a file that changes meanwhile fails it with `pack/file-changed`.
 */
export async function packLayer(
  entries: readonly SourceEntry[],
  path: string,
  options: PackOptions = {},
): Promise<PackedLayer> {
  const output = withFileErrors("create", path, () => openSync(path, "wx", 0o644));
  try {
    const writer = new FrameWriter(output, path, options);
    const listing = await writeEntries(entries, writer, options.signal);
    const { digest, sizeBytes, diffId, contentBytes } = await writer.finish();
    return { digest, sizeBytes, diffId, contentBytes, entries: entries.length, listing };
  } catch (error) {
    removeFile(path);
    throw error;
  } finally {
    closeSync(output);
  }
}

async function writeEntries(
  entries: readonly SourceEntry[],
  writer: FrameWriter,
  signal: CancelSignal | undefined,
): Promise<Map<string, string>> {
  const listing = new Map<string, string>();
  // The reader that will judge the archive sees every entry first: what it would refuse is never written.
  const judge = new TarReader({ entry() {}, data() {}, entryEnd() {} });
  for (const entry of entries) {
    signal?.throwIfAborted();
    const header = encodeTarHeader(entry);
    judge.write(header);
    await writer.write(header);
    if (entry.type === "file") {
      const digest = await writeContent(entry, writer, judge);
      listing.set(entry.path, formatTreeEntry({ ...entry, digest }));
    } else listing.set(entry.path, formatTreeEntry(entry));
    const padding = zeros.subarray(0, tarPaddingBytes(entry.sizeBytes));
    judge.write(padding);
    await writer.write(padding);
  }
  const end = new Uint8Array(tarEndBytes);
  judge.write(end);
  judge.end();
  await writer.write(end);
  return listing;
}

async function writeContent(entry: SourceEntry, writer: FrameWriter, judge: TarReader): Promise<Digest> {
  const file = withFileErrors("open", entry.source, () => openSync(entry.source, "r"));
  let whole: Digest | undefined;
  let hasher: Hasher | undefined;
  try {
    let left = entry.sizeBytes;
    while (left > 0) {
      const room = writer.roomNow() ?? (await writer.room());
      const part = room.subarray(0, Math.min(room.length, left, readChunkBytes));
      const count = withFileErrors("read", entry.source, () => readSync(file, part, 0, part.length, null));
      if (count === 0) throw fileChanged(entry);
      const chunk = part.subarray(0, count);
      if (count === entry.sizeBytes) whole = digestOf(chunk);
      else (hasher ??= createHasher()).update(chunk);
      judge.write(chunk);
      writer.filled(count);
      left -= count;
    }
    const stat = withFileErrors("read", entry.source, () => fstatSync(file));
    if (stat.size !== entry.sizeBytes || stat.mtimeMs !== entry.modifiedMs) throw fileChanged(entry);
  } finally {
    closeSync(file);
  }
  return whole ?? (hasher ?? createHasher()).digest();
}

function fileChanged(entry: SourceEntry) {
  return storeError("pack/file-changed", `${entry.path} changed while it was packed`, {
    context: { path: entry.path },
  });
}

/** Collects content into frames, compresses some at once and writes them in order, hashing both sides. */
class FrameWriter {
  readonly #output: number;
  readonly #path: string;
  readonly #level: number;
  readonly #onProgress: (addedBytes: number) => void;
  readonly #contentHash: Hasher = createHasher();
  readonly #compressedHash: Hasher = createHasher();
  readonly #inFlight: { readonly frame: Uint8Array<ArrayBuffer>; readonly compressed: Promise<Uint8Array> }[] = [];
  /** Memory of frames that were written, for those to come. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #frame = new Uint8Array(zstdFrameContentBytes);
  #used = 0;
  #contentBytes = 0;
  #compressedBytes = 0;

  constructor(output: number, path: string, options: PackOptions) {
    this.#output = output;
    this.#path = path;
    this.#level = options.compressionLevel ?? 3;
    this.#onProgress = options.onProgress ?? (() => {});
  }

  /** Resolves once there is room again; what fits at once needs no wait. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    const room = this.#frame.length - this.#used;
    if (bytes.length > room) return this.#writeInParts(bytes);
    this.#frame.set(bytes, this.#used);
    this.filled(bytes.length);
    return undefined;
  }

  async #writeInParts(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      const room = await this.room();
      const part = bytes.subarray(at, at + room.length);
      room.set(part);
      this.filled(part.length);
      at += part.length;
    }
  }

  /** Space for content, never empty: the caller fills a part of it and says how much. */
  async room(): Promise<Uint8Array> {
    if (this.#used === this.#frame.length) await this.#cut();
    return this.#frame.subarray(this.#used);
  }

  /** The same where there is some without a wait. */
  roomNow(): Uint8Array | undefined {
    return this.#used === this.#frame.length ? undefined : this.#frame.subarray(this.#used);
  }

  filled(sizeBytes: number): void {
    this.#used += sizeBytes;
    this.#onProgress(sizeBytes);
  }

  async finish(): Promise<{ digest: Digest; sizeBytes: number; diffId: Digest; contentBytes: number }> {
    if (this.#used > 0) await this.#cut();
    while (this.#inFlight.length > 0) await this.#writeOldest();
    return {
      digest: this.#compressedHash.digest(),
      sizeBytes: this.#compressedBytes,
      diffId: this.#contentHash.digest(),
      contentBytes: this.#contentBytes,
    };
  }

  async #cut(): Promise<void> {
    const frame = this.#frame;
    const content = frame.subarray(0, this.#used);
    const compressed = Bun.zstdCompress(content, { level: this.#level });
    // A failure is thrown where the frame is awaited; until then it must not count as unhandled.
    compressed.catch(() => {});
    this.#inFlight.push({ frame, compressed });
    this.#contentHash.update(content);
    this.#contentBytes += this.#used;
    if (this.#inFlight.length >= framesInFlight) await this.#writeOldest();
    this.#frame = this.#spare.pop() ?? new Uint8Array(zstdFrameContentBytes);
    this.#used = 0;
  }

  async #writeOldest(): Promise<void> {
    const oldest = this.#inFlight.shift();
    if (oldest === undefined) return;
    const compressed = await oldest.compressed;
    this.#spare.push(oldest.frame);
    this.#compressedHash.update(compressed);
    this.#compressedBytes += compressed.length;
    writeFully(this.#output, compressed, this.#path);
    freeBytes(compressed);
  }
}
