import type { ByteSource, Digest } from "@cpm/base";
import { concatBytes, digestAlgorithm } from "@cpm/base";
import {
  compareByteOrder,
  contentNotFound,
  contentTooLong,
  contentTooShort,
  descriptorsOf,
  digestMismatch,
  incompleteManifest,
  parseManifestBytes,
  parseTag,
  referrerDescriptor,
  selectReferrers,
} from "@cpm/oci";
import type { CallOptions, Descriptor, Ingest, ReadOptions, Store } from "@cpm/oci";
import { digestOf } from "./hash.ts";
import { KeyedQueue } from "./keyed-queue.ts";

/** A store that lives as long as the process: for tests and for dry runs. */
export class MemoryStore implements Store {
  readonly #contents = new Map<Digest, Uint8Array>();
  readonly #partial = new Map<Digest, Uint8Array>();
  readonly #tags = new Map<string, Descriptor>();
  readonly #referrers = new Map<Digest, Descriptor[]>();
  readonly #queue = new KeyedQueue();

  async stat(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    const bytes = this.#contents.get(digest);
    return bytes === undefined ? undefined : { sizeBytes: bytes.length };
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    const bytes = this.#contents.get(content.digest);
    if (bytes === undefined) throw contentNotFound("the memory store", content.digest);
    options.signal?.throwIfAborted();
    const { offsetBytes = 0, lengthBytes = bytes.length } = options;
    const part = bytes.subarray(offsetBytes, offsetBytes + lengthBytes);
    if (part.length > 0) yield part;
  }

  async ingest(content: Descriptor, options: CallOptions = {}): Promise<Ingest | undefined> {
    options.signal?.throwIfAborted();
    const release = await this.#queue.enter(content.digest);
    if (this.#contents.has(content.digest)) {
      release();
      return undefined;
    }
    const kept = this.#partial.get(content.digest);
    return new MemoryIngest(content, kept, release, this.#contents, this.#partial);
  }

  async resolve(tag: string): Promise<Descriptor | undefined> {
    return this.#tags.get(tag);
  }

  async putManifest(descriptor: Descriptor, bytes: Uint8Array, tags: readonly string[] = []): Promise<void> {
    const actual = digestOf(bytes, digestAlgorithm(descriptor.digest));
    if (actual !== descriptor.digest) throw digestMismatch(descriptor.digest, actual);
    const manifest = parseManifestBytes(bytes, descriptor.mediaType);
    const missing = descriptorsOf(manifest).filter((entry) => !this.#contents.has(entry.digest));
    if (missing.length > 0)
      throw incompleteManifest(
        "the memory store",
        descriptor.digest,
        missing.map((entry) => entry.digest),
      );
    const checkedTags = tags.map(parseTag);
    this.#contents.set(descriptor.digest, bytes.slice());
    if (manifest.subject !== undefined) {
      const known = this.#referrers.get(manifest.subject.digest) ?? [];
      const others = known.filter((entry) => entry.digest !== descriptor.digest);
      this.#referrers.set(manifest.subject.digest, [
        ...others,
        referrerDescriptor(manifest, descriptor.digest, bytes.length),
      ]);
    }
    const stored = { mediaType: manifest.mediaType, digest: descriptor.digest, sizeBytes: bytes.length };
    for (const tag of checkedTags) this.#tags.set(tag, stored);
  }

  async tags(): Promise<readonly string[]> {
    return [...this.#tags.keys()].sort(compareByteOrder);
  }

  async untag(tag: string): Promise<boolean> {
    return this.#tags.delete(tag);
  }

  async referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    return selectReferrers(this.#referrers.get(subject) ?? [], artifactType);
  }
}

class MemoryIngest implements Ingest {
  readonly offsetBytes: number;
  readonly #content: Descriptor;
  readonly #parts: Uint8Array[];
  readonly #release: () => void;
  readonly #contents: Map<Digest, Uint8Array>;
  readonly #partial: Map<Digest, Uint8Array>;
  #sizeBytes: number;

  constructor(
    content: Descriptor,
    kept: Uint8Array | undefined,
    release: () => void,
    contents: Map<Digest, Uint8Array>,
    partial: Map<Digest, Uint8Array>,
  ) {
    this.#content = content;
    this.#parts = kept === undefined ? [] : [kept];
    this.#sizeBytes = kept?.length ?? 0;
    this.offsetBytes = this.#sizeBytes;
    this.#release = release;
    this.#contents = contents;
    this.#partial = partial;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#sizeBytes + chunk.length > this.#content.sizeBytes) {
      throw contentTooLong(this.#content.digest, this.#content.sizeBytes);
    }
    this.#parts.push(chunk.slice());
    this.#sizeBytes += chunk.length;
  }

  async commit(): Promise<void> {
    const { digest, sizeBytes } = this.#content;
    const bytes = concatBytes(this.#parts);
    try {
      if (bytes.length < sizeBytes) {
        this.#partial.set(digest, bytes);
        throw contentTooShort(digest, sizeBytes, bytes.length);
      }
      this.#partial.delete(digest);
      const actual = digestOf(bytes, digestAlgorithm(digest));
      if (actual !== digest) throw digestMismatch(digest, actual);
      this.#contents.set(digest, bytes);
    } finally {
      this.#release();
    }
  }

  async suspend(): Promise<void> {
    this.#partial.set(this.#content.digest, concatBytes(this.#parts));
    this.#release();
  }

  async discard(): Promise<void> {
    this.#partial.delete(this.#content.digest);
    this.#release();
  }
}
