import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteSource, Digest } from "@cpm/base";
import { collectBytes, digestAlgorithm, encodeUtf8 } from "@cpm/base";
import {
  annotationKeys,
  defaultManifestLimits,
  descriptorsOf,
  digestMismatch,
  incompleteManifest,
  parseManifestBytes,
  parseTag,
  referrerDescriptor,
  selectReferrers,
} from "@cpm/oci";
import type { CallOptions, Descriptor, Ingest, ReadOptions, Store } from "@cpm/oci";
import { BlobDirectory, makeDirectory } from "./blob-directory.ts";
import { storeError } from "./errors.ts";
import { replaceFile } from "./files.ts";
import {
  checkLayoutMarker,
  findTag,
  formatLayoutIndex,
  layoutMarker,
  readLayoutIndex,
  refName,
  tagsWith,
} from "./layout-index.ts";
import { digestOf } from "./hash.ts";
import { waitForLock } from "./process-lock.ts";

const lockTimeoutMs = 30_000;

/** Makes the directory an OCI image layout where it is none yet. */
export function createDirectoryStore(root: string, repository?: string): DirectoryStore {
  makeDirectory(root);
  const marker = join(root, "oci-layout");
  if (!existsSync(marker)) replaceFile(marker, encodeUtf8(layoutMarker));
  return new DirectoryStore(root, repository);
}

/** Throws `store/not-a-layout` when the directory is none. */
export function openDirectoryStore(root: string, repository?: string): DirectoryStore {
  const marker = join(root, "oci-layout");
  let text: string;
  try {
    text = readFileSync(marker, "utf8");
  } catch (cause) {
    throw storeError("store/not-a-layout", `${root} is not an OCI image layout`, { cause });
  }
  checkLayoutMarker(text, root);
  return new DirectoryStore(root, repository);
}

/**
 * An OCI image layout (image-spec v1.1, image-layout.md) as a store. Several repositories share one layout: a
 * view of `repository` names its tags `repository:tag` in index.json; a view of none uses the bare tag. Any
 * number of processes may use one directory.
 */
export class DirectoryStore implements Store {
  readonly blobs: BlobDirectory;
  readonly #root: string;
  readonly #prefix: string;

  constructor(root: string, repository: string | undefined) {
    this.#root = root;
    this.#prefix = repository === undefined ? "" : `${repository}:`;
    this.blobs = new BlobDirectory(root);
  }

  async stat(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    return this.blobs.stat(digest);
  }

  read(content: Descriptor, options?: ReadOptions): ByteSource {
    return this.blobs.read(content, options);
  }

  ingest(content: Descriptor, options?: CallOptions): Promise<Ingest | undefined> {
    return this.blobs.ingest(content, options);
  }

  async resolve(tag: string): Promise<Descriptor | undefined> {
    return findTag(readLayoutIndex(this.#root), this.#prefix + tag);
  }

  async putManifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    tags: readonly string[] = [],
    options: CallOptions = {},
  ): Promise<void> {
    const actual = digestOf(bytes, digestAlgorithm(descriptor.digest));
    if (actual !== descriptor.digest) throw digestMismatch(descriptor.digest, actual);
    const manifest = parseManifestBytes(bytes, descriptor.mediaType);
    const missing = descriptorsOf(manifest).filter((entry) => this.blobs.stat(entry.digest) === undefined);
    if (missing.length > 0)
      throw incompleteManifest(
        this.#root,
        descriptor.digest,
        missing.map((entry) => entry.digest),
      );
    const names = tags.map((tag) => this.#prefix + parseTag(tag));
    const ingest = await this.ingest({ ...descriptor, sizeBytes: bytes.length }, options);
    if (ingest !== undefined) {
      await ingest.write(bytes);
      await ingest.commit();
    }
    const stored = { mediaType: manifest.mediaType, digest: descriptor.digest, sizeBytes: bytes.length };
    const entries = names.map((name) => ({ ...stored, annotations: { [annotationKeys.refName]: name } }));
    // A manifest with a subject is listed without a name, so that it can be found as a referrer.
    const listed = manifest.subject !== undefined && entries.length === 0 ? [stored] : entries;
    if (listed.length > 0) await this.updateIndex((manifests) => mergeEntries(manifests, listed), options);
  }

  async tags(): Promise<readonly string[]> {
    return tagsWith(readLayoutIndex(this.#root), this.#prefix);
  }

  async untag(tag: string, options: CallOptions = {}): Promise<boolean> {
    let found = false;
    await this.updateIndex((manifests) => {
      const kept = manifests.filter((entry) => refName(entry) !== this.#prefix + tag);
      found = kept.length < manifests.length;
      return found ? kept : undefined;
    }, options);
    return found;
  }

  async referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    const found = new Map<Digest, Descriptor>();
    for (const entry of readLayoutIndex(this.#root).manifests) {
      if (found.has(entry.digest) || this.blobs.stat(entry.digest) === undefined) continue;
      const bytes = await collectBytes(this.read(entry), defaultManifestLimits.maxBytes);
      const manifest = parseManifestBytes(bytes, entry.mediaType);
      if (manifest.subject?.digest === subject)
        found.set(entry.digest, referrerDescriptor(manifest, entry.digest, bytes.length));
    }
    return selectReferrers(found.values(), artifactType);
  }

  /** Reads, changes and replaces index.json while no other process does; nothing is written when `change` gives nothing. */
  async updateIndex(
    change: (manifests: readonly Descriptor[]) => readonly Descriptor[] | undefined,
    options: CallOptions = {},
  ): Promise<void> {
    const lock = await waitForLock(join(this.#root, "index.json.lock"), lockTimeoutMs, options.signal);
    try {
      const index = readLayoutIndex(this.#root);
      const manifests = change(index.manifests);
      if (manifests !== undefined)
        replaceFile(join(this.#root, "index.json"), formatLayoutIndex({ ...index, manifests }));
    } finally {
      lock.release();
    }
  }
}

function mergeEntries(manifests: readonly Descriptor[], added: readonly Descriptor[]): readonly Descriptor[] {
  const replaces = (entry: Descriptor) =>
    added.some(
      (other) => refName(other) === refName(entry) && (refName(other) !== undefined || other.digest === entry.digest),
    );
  return [...manifests.filter((entry) => !replaces(entry)), ...added];
}
