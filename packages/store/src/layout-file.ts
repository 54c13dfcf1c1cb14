import { randomInt } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import type { TarEntry } from "@cpm/archive";
import { defaultArchiveLimits, encodeTarHeader, tarEndBytes, tarPaddingBytes, TarReader } from "@cpm/archive";
import type { ByteSource, CancelSignal, Digest } from "@cpm/base";
import { collectBytes, decodeUtf8, digestAlgorithm, digestHex, isCpmError } from "@cpm/base";
import {
  contentNotFound,
  defaultManifestLimits,
  parseManifestBytes,
  referrerDescriptor,
  selectReferrers,
} from "@cpm/oci";
import type { Descriptor, OciIndex, ReadOptions, StoreReader } from "@cpm/oci";
import { storeError, withFileErrors } from "./errors.ts";
import { readOpenFile, removeFile, writeFully } from "./files.ts";
import {
  checkLayoutMarker,
  emptyLayoutIndex,
  findTag,
  maxLayoutIndexBytes,
  parseLayoutIndex,
  tagsWith,
} from "./layout-index.ts";
import { listFiles } from "./list-files.ts";
import { openFileAccess } from "./random-access.ts";
import type { RandomAccess } from "./random-access.ts";

const layoutFiles = /^(?:blobs\/sha(?:256|512)\/[0-9a-f]+|index\.json|oci-layout)$/;

/** Where the content of one file stands within the container. */
interface Place {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** How much is read at once while headers are looked for: contents that are longer are passed over. */
const headerWindowBytes = 64 * 1024;

/** Writes the OCI image layout at `root` as one new file: an uncompressed tar, the same for the same layout. */
export function writeLayoutFile(root: string, path: string, signal?: CancelSignal): void {
  const output = withFileErrors("create", path, () => openSync(path, "wx", 0o644));
  try {
    for (const entry of listFiles(root, (name) => layoutFiles.test(name))) {
      signal?.throwIfAborted();
      writeFully(output, encodeTarHeader({ ...entry, executable: false }), path);
      if (entry.type !== "file") continue;
      copyFile(entry.source, entry.sizeBytes, output, path);
      writeFully(output, new Uint8Array(tarPaddingBytes(entry.sizeBytes)), path);
    }
    writeFully(output, new Uint8Array(tarEndBytes), path);
  } catch (error) {
    removeFile(path);
    throw error;
  } finally {
    closeSync(output);
  }
}

/**
 * Opens a file that `writeLayoutFile` made as a store to read from. Every header of the container goes through the
 * strict reader; contents are read in place, and whoever reads one checks its digest. Throws `store/not-a-layout` or a
 * file's error.
 */
export async function openLayoutFile(path: string): Promise<LayoutFile> {
  return openLayout(openFileAccess(path));
}

/** The same over what is not one file. */
export async function openLayout(access: RandomAccess): Promise<LayoutFile> {
  const places = await readPlaces(access);
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const place = places.get(name);
    if (place === undefined) return undefined;
    if (place.sizeBytes > maxLayoutIndexBytes)
      throw storeError("store/not-a-layout", `${name} of ${access.path} has ${place.sizeBytes} bytes`);
    return collectBytes(access.read(place.offsetBytes, place.sizeBytes), maxLayoutIndexBytes);
  };
  const marker = await read("oci-layout");
  if (marker === undefined) throw storeError("store/not-a-layout", `${access.path} holds no OCI image layout`);
  checkLayoutMarker(decodeUtf8(marker), access.path);
  const index = await read("index.json");
  const parsed = index === undefined ? emptyLayoutIndex : parseLayoutIndex(index, access.path);
  return new LayoutFile(access, places, parsed);
}

/** A packed layout to read from, as a view of no repository. */
export class LayoutFile implements StoreReader {
  readonly access: RandomAccess;
  readonly index: OciIndex;
  readonly #places: ReadonlyMap<string, Place>;

  constructor(access: RandomAccess, places: ReadonlyMap<string, Place>, index: OciIndex) {
    this.access = access;
    this.index = index;
    this.#places = places;
  }

  /** The files of the container, in its order. */
  get paths(): readonly string[] {
    return [...this.#places.keys()];
  }

  async stat(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    const sizeBytes = this.sizeOf(digest);
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  /** As `stat`, at once: it is known from the headers. */
  sizeOf(digest: Digest): number | undefined {
    return this.#places.get(blobPath(digest))?.sizeBytes;
  }

  /** The files that a content lies in, for an error that names them. */
  filesOf(digest: Digest): readonly string[] {
    const place = this.#places.get(blobPath(digest));
    return place === undefined ? [] : this.access.filesOf(place.offsetBytes, place.sizeBytes);
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    const place = this.#places.get(blobPath(content.digest));
    if (place === undefined) throw contentNotFound(this.access.path, content.digest);
    const { offsetBytes = 0, lengthBytes = place.sizeBytes } = options;
    const available = Math.max(0, Math.min(lengthBytes, place.sizeBytes - offsetBytes));
    for await (const chunk of this.access.read(place.offsetBytes + offsetBytes, available)) {
      options.signal?.throwIfAborted();
      yield chunk;
    }
  }

  /** The bytes of a file of the container that is no content, such as `index.json`. */
  readFile(path: string): ByteSource {
    const place = this.#places.get(path);
    if (place === undefined) throw contentNotFound(this.access.path, path);
    return this.access.read(place.offsetBytes, place.sizeBytes);
  }

  async resolve(tag: string): Promise<Descriptor | undefined> {
    return findTag(this.index, tag);
  }

  async tags(): Promise<readonly string[]> {
    return tagsWith(this.index, "");
  }

  async referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const entry of this.index.manifests) {
      if (found.has(entry.digest) || this.sizeOf(entry.digest) === undefined) continue;
      const bytes = await collectBytes(this.read(entry), defaultManifestLimits.maxBytes);
      const manifest = parseManifestBytes(bytes, entry.mediaType);
      if (manifest.subject?.digest === subject)
        found.set(entry.digest, referrerDescriptor(manifest, entry.digest, bytes.length));
    }
    return selectReferrers(found.values(), artifactType);
  }
}

/** Where a content stands in an image layout (image-spec v1.1, image-layout.md). */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** The canonical form fixes every header's length, so places follow from the entries alone. */
async function readPlaces(access: RandomAccess): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  let next = 0;
  const entry = (found: TarEntry): void => {
    const offsetBytes = next + encodeTarHeader(found).length;
    if (found.type === "file") places.set(found.path, { offsetBytes, sizeBytes: found.sizeBytes });
    next = offsetBytes + found.sizeBytes + tarPaddingBytes(found.sizeBytes);
  };
  const reader = new TarReader({ entry, data() {}, entryEnd() {} }, defaultArchiveLimits, randomInt(2 ** 32));
  try {
    for (let at = 0; at < access.sizeBytes;) {
      const before = at;
      for await (const chunk of access.read(at, headerWindowBytes)) {
        reader.write(chunk);
        at += chunk.length;
      }
      // The file has become shorter meanwhile.
      if (at === before) break;
      // What the file no longer has is not passed over: the reader then misses its end.
      const passed = Math.min(reader.remainingContentBytes, access.sizeBytes - at);
      reader.skip(passed);
      at += passed;
    }
    reader.end();
  } catch (error) {
    if (!isCpmError(error) || !error.code.startsWith("archive/")) throw error;
    throw storeError("store/not-a-layout", `${access.path} is not a packed package: ${error.message}`, {
      cause: error,
    });
  }
  return places;
}

function copyFile(source: string, sizeBytes: number, output: number, path: string): void {
  const input = withFileErrors("open", source, () => openSync(source, "r"));
  try {
    for (const chunk of readOpenFile(input, sizeBytes, source)) writeFully(output, chunk, path);
  } finally {
    closeSync(input);
  }
}
