import { existsSync } from "node:fs";
import type { ByteSource, Digest } from "@cpm/base";
import { digestAlgorithm, encodeUtf8, isCpmError, sourceOf } from "@cpm/base";
import type { Descriptor, OciIndex } from "@cpm/oci";
import { mediaTypes } from "@cpm/oci";
import {
  blobPath,
  ContainerWriter,
  copyContent,
  createDirectoryStore,
  DraftFile,
  formatLayoutIndex,
  layoutMarker,
  verifiedBytes,
} from "@cpm/store";
import type { DirectoryStore } from "@cpm/store";
import { registryError } from "../errors.ts";

/** An OCI image layout that is being written. Contents come in the order of their digests. Whoever opens it closes it. */
export interface LayoutTarget {
  /** How many contents it takes at once. */
  readonly concurrency: number;
  has(digest: Digest): boolean;
  /** Takes a content, from where it is asked to go on, and checks it. What fails leaves nothing that could be read. */
  write(content: Descriptor, read: (offsetBytes: number) => ByteSource): Promise<void>;
  /** Everything is there that the index lists, which is made from the one that was there before: from now on it is a layout. */
  publish(change: (before: readonly Descriptor[]) => readonly Descriptor[]): Promise<void>;
  close(): void;
}

/** A file for a path that ends in `.tar`, which must not be there; a directory otherwise, made or added to. */
export function openLayoutTarget(path: string): LayoutTarget {
  if (!path.endsWith(".tar")) return new DirectoryTarget(path);
  if (existsSync(path)) throw registryError("registry-server/export-exists", `${path} is there already`);
  return new FileTarget(path);
}

class DirectoryTarget implements LayoutTarget {
  readonly concurrency = 4;
  readonly #store: DirectoryStore;

  constructor(path: string) {
    this.#store = createDirectoryStore(path);
  }

  has(digest: Digest): boolean {
    return this.#store.blobs.stat(digest) !== undefined;
  }

  write(content: Descriptor, read: (offsetBytes: number) => ByteSource): Promise<void> {
    return copyContent({ read: (_, options) => read(options?.offsetBytes ?? 0) }, this.#store, content);
  }

  publish(change: (before: readonly Descriptor[]) => readonly Descriptor[]): Promise<void> {
    return this.#store.updateIndex(change);
  }

  close(): void {}
}

/** Appears under its name when it is whole. */
class FileTarget implements LayoutTarget {
  readonly concurrency = 1;
  readonly #draft: DraftFile;
  readonly #writer: ContainerWriter;
  readonly #directories = new Set<string>();

  constructor(path: string) {
    this.#draft = new DraftFile(path);
    this.#writer = new ContainerWriter(this.#draft);
  }

  has(): boolean {
    return false;
  }

  async write(content: Descriptor, read: (offsetBytes: number) => ByteSource): Promise<void> {
    for (const directory of ["blobs", `blobs/${digestAlgorithm(content.digest)}`]) {
      if (!this.#directories.has(directory)) this.#writer.directory(directory);
      this.#directories.add(directory);
    }
    let begun = false;
    const noted = async function* (): ByteSource {
      for await (const chunk of verifiedBytes(read(0), content)) {
        begun = true;
        yield chunk;
      }
    };
    try {
      await this.#writer.file({ path: blobPath(content.digest), sizeBytes: content.sizeBytes, read: noted });
    } catch (error) {
      // What is in the file already cannot be taken back.
      if (begun && isCpmError(error))
        throw registryError("registry-server/export-broken", `${content.digest}: ${error.message}`, undefined, error);
      throw error;
    }
  }

  async publish(change: (before: readonly Descriptor[]) => readonly Descriptor[]): Promise<void> {
    const index: OciIndex = { kind: "index", mediaType: mediaTypes.index, manifests: change([]) };
    await this.#document("index.json", formatLayoutIndex(index));
    await this.#document("oci-layout", encodeUtf8(layoutMarker));
    this.#writer.end();
    this.#draft.publish();
  }

  close(): void {
    this.#draft.discard();
  }

  async #document(path: string, bytes: Uint8Array): Promise<void> {
    await this.#writer.file({ path, sizeBytes: bytes.length, read: () => sourceOf(bytes) });
  }
}
