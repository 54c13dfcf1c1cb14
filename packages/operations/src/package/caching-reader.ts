import { collectBytes } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import type { CallOptions, Descriptor, ReadOptions, StoreReader } from "@cpm/oci";
import type { BlobDirectory } from "@cpm/store";
import { verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";

/** What is kept: manifests, configs and first layers. Payload goes to the node store, which keeps it itself. */
const maxKeptBytes = 8 * 1024 * 1024;

/**
 * A registry's repository that keeps the small contents it reads, by digest: reading them again asks nobody. With
 * `offline` nothing else can be read, which throws `resolution/offline`.
 */
export class CachingReader implements StoreReader {
  readonly #remote: StoreReader;
  readonly #kept: BlobDirectory;
  readonly #offline: boolean;

  constructor(remote: StoreReader, kept: BlobDirectory, offline: boolean) {
    this.#remote = remote;
    this.#kept = kept;
    this.#offline = offline;
  }

  async stat(digest: Digest, options?: CallOptions): Promise<{ sizeBytes: number } | undefined> {
    return this.#kept.stat(digest) ?? this.#online(digest).stat(digest, options);
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    if (content.sizeBytes > maxKeptBytes) {
      yield* this.#online(content.digest).read(content, options);
      return;
    }
    if (this.#kept.stat(content.digest) === undefined) await this.#keep(content, options);
    yield* this.#kept.read(content, options);
  }

  async resolve(tag: string, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#online(tag).resolve(tag, options);
  }

  async tags(options?: CallOptions): Promise<readonly string[]> {
    return this.#online("the list of tags").tags(options);
  }

  async referrers(subject: Digest, artifactType?: string, options?: CallOptions): Promise<readonly Descriptor[]> {
    return this.#online(`what refers to ${subject}`).referrers(subject, artifactType, options);
  }

  /** Nothing so small is worth continuing later: what fails leaves nothing. */
  async #keep(content: Descriptor, { signal }: ReadOptions): Promise<void> {
    const remote = this.#online(content.digest).read(content, { signal });
    const bytes = await collectBytes(verifiedBytes(remote, content), maxKeptBytes);
    const ingest = await this.#kept.ingest(content, { signal });
    if (ingest === undefined) return;
    try {
      await ingest.write(bytes);
    } catch (error) {
      await ingest.discard();
      throw error;
    }
    await ingest.commit();
  }

  #online(what: string): StoreReader {
    if (!this.#offline) return this.#remote;
    throw operationError("resolution/offline", `${what} is not here, and --offline asks nobody`);
  }
}
