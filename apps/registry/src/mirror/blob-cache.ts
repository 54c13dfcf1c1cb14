import { rmSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import { mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { registryError, upstreamUnavailable } from "../errors.ts";
import { presignedS } from "../objects/object-storage.ts";
import type { ByteRange, ObjectStorage } from "../objects/object-storage.ts";
import { startedStream } from "../objects/started-stream.ts";
import { BlobFetch } from "./blob-fetch.ts";
import type { CachedObjects } from "./cached-objects.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { MirrorRecords, MirroredBlob, Source } from "./mirror-records.ts";
import type { MirrorUses } from "./mirror-uses.ts";
import { Slots } from "./slots.ts";
import type { Upstream } from "./upstream.ts";
import type { Via } from "./via.ts";

export interface BlobCacheParts {
  readonly records: MirrorRecords;
  readonly objects: ObjectStorage;
  readonly cached: CachedObjects;
  readonly uses: MirrorUses;
  readonly metrics: MirrorMetrics;
  /** Where blobs under way are kept. Nothing that is there survives the process. */
  readonly spoolDirectory: string;
  /** What is larger passes through, and is not kept. */
  readonly maxBlobBytes: number;
  /** A blob of this size or more is fetched from the storage by the client itself, once it is there. */
  readonly redirectFromBytes: number;
  readonly onStoreFailure: (error: unknown) => void;
}

/** Of what: a repository here, of an upstream, asked for by whoever came this way. */
export interface BlobAddress {
  readonly upstream: Upstream;
  readonly repository: string;
  readonly via: Via;
  readonly digest: Digest;
  /** Given where a manifest of the repository says that it has the blob: then the upstream is not asked first. */
  readonly sizeBytes?: number;
}

/** A blob that is here, or that the upstream was found to have. */
export interface FoundBlob {
  readonly sizeBytes: number;
  /** A body of exactly the range, which may still be on its way. */
  readonly body: (range: ByteRange) => Promise<Blob | ReadableStream<Uint8Array>>;
  /** The address where the client is to fetch it; undefined for here. */
  readonly elsewhere?: () => Promise<string | undefined>;
}

const maxRunning = 16;
const maxWaiting = 256;
/** A range that begins further ahead than this is asked for by itself: to wait for it would take too long. */
const aheadBytes = 64 * 1024 * 1024;

/** Blobs of upstreams: from the cache, from a fetch under way, or by a fetch that is begun. */
export class BlobCache {
  readonly #parts: BlobCacheParts;
  readonly #fetches = new Map<Digest, BlobFetch>();
  readonly #running = new Set<Promise<void>>();
  readonly #slots = new Slots(maxRunning);
  readonly #stop = new AbortController();

  constructor(parts: BlobCacheParts) {
    this.#parts = parts;
  }

  /** Throws `registry-server/blob-unknown` for what the repository does not have there. */
  async find(address: BlobAddress): Promise<FoundBlob> {
    const { upstream, repository, digest } = address;
    const { records, metrics } = this.#parts;
    const source = upstream.sourceOf(repository);
    const known = await records.blob(source, digest);
    if (known !== undefined) return this.#cachedBlob(address, known);
    const sizeBytes = address.sizeBytes ?? (await this.#sizeThere(address, source));
    if (sizeBytes === undefined)
      throw registryError("registry-server/blob-unknown", `${repository} has no blob ${digest}`);
    // Another repository may have brought it already: now this one may show it too.
    const shared = (await records.share(source, digest)) ? await records.blob(source, digest) : undefined;
    if (shared !== undefined) return this.#cachedBlob(address, shared);
    const content = { mediaType: mediaTypes.octetStream, digest, sizeBytes };
    return {
      sizeBytes,
      body: async (range) => {
        metrics.answer("blob", "miss");
        return startedStream(this.#follow(address, source, content, range));
      },
    };
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#stop.abort(registryError("registry-server/interrupted", "the registry stops"));
    await Promise.all(this.#running);
    rmSync(this.#parts.spoolDirectory, { recursive: true, force: true });
  }

  /** Clients that do not know which it is ask for a blob first: what is known as a manifest is none. */
  async #sizeThere({ upstream, repository, digest, via }: BlobAddress, source: Source): Promise<number | undefined> {
    if (await this.#parts.records.hasManifest(source, digest)) return undefined;
    return (await upstream.stat(repository, digest, via))?.sizeBytes;
  }

  #cachedBlob(address: BlobAddress, { sizeBytes, object }: MirroredBlob): FoundBlob {
    const { records, objects, uses, metrics, redirectFromBytes } = this.#parts;
    const used = async (): Promise<void> => {
      await uses.blob(address.digest);
      metrics.answer("blob", "hit");
    };
    return {
      sizeBytes,
      elsewhere: async () => {
        const there = sizeBytes < redirectFromBytes ? undefined : await objects.presign(object, presignedS);
        if (there !== undefined) await used();
        return there;
      },
      body: async (range) => {
        try {
          const body = await objects.body(object, sizeBytes, range);
          await used();
          return body;
        } catch (error) {
          if (!isCpmError(error, "registry-server/content-lost")) throw error;
        }
        await records.dropBlob(address.digest, object);
        return (await this.find(address)).body(range);
      },
    };
  }

  #follow(address: BlobAddress, source: Source, content: Descriptor, range: ByteRange): ByteSource {
    const direct = (): ByteSource =>
      address.upstream.read(address.repository, content, range, address.via, this.#stop.signal);
    if (content.sizeBytes > this.#parts.maxBlobBytes) return direct();
    const fetch = this.#fetches.get(content.digest) ?? this.#begin(address, source, content);
    return range.startBytes > fetch.arrivedBytes + aheadBytes ? direct() : fetch.read(range);
  }

  #begin(address: BlobAddress, source: Source, content: Descriptor): BlobFetch {
    const { upstream, repository, via, digest } = address;
    const { cached, metrics, spoolDirectory } = this.#parts;
    if (this.#fetches.size >= maxRunning + maxWaiting)
      throw upstreamUnavailable(upstream.host, `${this.#fetches.size} blobs are being fetched already`);
    const fetch = new BlobFetch({
      content,
      path: join(spoolDirectory, crypto.randomUUID()),
      host: upstream.host,
      fetch: (signal) =>
        upstream.read(repository, content, { startBytes: 0, endBytes: content.sizeBytes }, via, signal),
      keep: (bytes) => cached.keep(source, content, bytes),
      onBytes: (count) => metrics.fetch(count),
    });
    this.#fetches.set(digest, fetch);
    const run = this.#run(fetch, digest);
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
    return fetch;
  }

  async #run(fetch: BlobFetch, digest: Digest): Promise<void> {
    const leave = await this.#slots.take();
    try {
      await fetch.run(this.#stop.signal);
    } catch (error) {
      // Whoever asked for it has it: nobody else would hear of a cache that cannot keep anything.
      this.#parts.onStoreFailure(error);
    } finally {
      leave();
      this.#fetches.delete(digest);
      fetch.release();
    }
  }
}
