import { closeSync, openSync } from "node:fs";
import type { TarEntry } from "@cpm/archive";
import { encodeTarHeader, tarEndBytes, tarPaddingBytes, TarReader } from "@cpm/archive";
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
import { readFileBytes, readOpenFile, removeFile, writeFully } from "./files.ts";
import { checkLayoutMarker, emptyLayoutIndex, findTag, parseLayoutIndex, tagsWith } from "./layout-index.ts";
import { listFiles } from "./list-files.ts";

const layoutFiles = /^(?:blobs\/sha(?:256|512)\/[0-9a-f]+|index\.json|oci-layout)$/;
const maxDocumentBytes = 64 * 1024 * 1024;

/** Where the content of one file stands within the container. */
interface Place {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

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
 * Opens a file that `writeLayoutFile` made as a store to read from. The whole container goes through the strict
 * reader once; contents are then read in place. Throws `store/not-a-layout` or a file's error.
 */
export async function openLayoutFile(path: string): Promise<StoreReader> {
  const places = await readPlaces(path);
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const place = places.get(name);
    if (place === undefined) return undefined;
    return collectBytes(readFileBytes(path, place.offsetBytes, place.sizeBytes), maxDocumentBytes);
  };
  const marker = await read("oci-layout");
  if (marker === undefined) throw storeError("store/not-a-layout", `${path} holds no OCI image layout`);
  checkLayoutMarker(decodeUtf8(marker), path);
  const index = await read("index.json");
  return new LayoutFile(path, places, index === undefined ? emptyLayoutIndex : parseLayoutIndex(index, path));
}

class LayoutFile implements StoreReader {
  readonly #path: string;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #index: OciIndex;

  constructor(path: string, places: ReadonlyMap<string, Place>, index: OciIndex) {
    this.#path = path;
    this.#places = places;
    this.#index = index;
  }

  async stat(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    const place = this.#place(digest);
    return place === undefined ? undefined : { sizeBytes: place.sizeBytes };
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    const place = this.#place(content.digest);
    if (place === undefined) throw contentNotFound(this.#path, content.digest);
    const { offsetBytes = 0, lengthBytes = place.sizeBytes } = options;
    const available = Math.max(0, Math.min(lengthBytes, place.sizeBytes - offsetBytes));
    for await (const chunk of readFileBytes(this.#path, place.offsetBytes + offsetBytes, available)) {
      options.signal?.throwIfAborted();
      yield chunk;
    }
  }

  async resolve(tag: string): Promise<Descriptor | undefined> {
    return findTag(this.#index, tag);
  }

  async tags(): Promise<readonly string[]> {
    return tagsWith(this.#index, "");
  }

  async referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const entry of this.#index.manifests) {
      if (found.has(entry.digest) || this.#place(entry.digest) === undefined) continue;
      const bytes = await collectBytes(this.read(entry), defaultManifestLimits.maxBytes);
      const manifest = parseManifestBytes(bytes, entry.mediaType);
      if (manifest.subject?.digest === subject)
        found.set(entry.digest, referrerDescriptor(manifest, entry.digest, bytes.length));
    }
    return selectReferrers(found.values(), artifactType);
  }

  #place(digest: Digest): Place | undefined {
    return this.#places.get(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`);
  }
}

/** The canonical form fixes every header's length, so places follow from the entries alone. */
async function readPlaces(path: string): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  let at = 0;
  const entry = (found: TarEntry): void => {
    const offsetBytes = at + encodeTarHeader(found).length;
    if (found.type === "file") places.set(found.path, { offsetBytes, sizeBytes: found.sizeBytes });
    at = offsetBytes + found.sizeBytes + tarPaddingBytes(found.sizeBytes);
  };
  const reader = new TarReader({ entry, data() {}, entryEnd() {} });
  try {
    for await (const chunk of readFileBytes(path)) reader.write(chunk);
    reader.end();
  } catch (error) {
    if (!isCpmError(error) || !error.code.startsWith("archive/")) throw error;
    throw storeError("store/not-a-layout", `${path} is not a packed package: ${error.message}`, { cause: error });
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
