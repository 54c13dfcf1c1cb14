import type { Digest } from "@cpm/base";

const defaultMaxBytes = 32 * 1024 * 1024;

/**
 * The bytes of the manifests that were asked for last, by digest: what never changes. Whether a repository has a
 * manifest, and may show it, is not known here and is asked each time.
 */
export class ManifestBytes {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #kept = new Map<Digest, Uint8Array>();
  #keptBytes = 0;

  constructor(maxBytes: number = defaultMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  get(digest: Digest): Uint8Array | undefined {
    const bytes = this.#kept.get(digest);
    if (bytes === undefined) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, bytes);
    return bytes;
  }

  add(digest: Digest, bytes: Uint8Array): void {
    if (this.#kept.has(digest)) return;
    this.#kept.set(digest, bytes);
    this.#keptBytes += bytes.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= this.#maxBytes) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }
}
