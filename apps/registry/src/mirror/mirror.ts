import {
  decodeUtf8,
  digestAlgorithm,
  emptySource,
  encodeUtf8,
  isCpmError,
  isDigest,
  parseDigest,
  stringifyJson,
} from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import {
  formatManifest,
  isManifestType,
  isTag,
  mediaTypes,
  parseManifestBytes,
  referrersIndex,
  selectReferrers,
} from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import type { ContentReader } from "@cpm/registry-client";
import { digestOf } from "@cpm/store";
import { upstreamFailed } from "../errors.ts";
import type { StoredManifest } from "../metadata.ts";
import type { BlobAddress, BlobCache, FoundBlob } from "./blob-cache.ts";
import type { Answered, MirrorAnswers } from "./mirror-answers.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { MirrorRecords } from "./mirror-records.ts";
import type { MirrorUses } from "./mirror-uses.ts";
import { describePackage } from "./package-documents.ts";
import type { Upstream } from "./upstream.ts";
import type { Via } from "./via.ts";

/** What all mirrors of a registry share. */
export interface MirrorParts {
  readonly records: MirrorRecords;
  readonly answers: MirrorAnswers;
  readonly blobs: BlobCache;
  readonly uses: MirrorUses;
  readonly metrics: MirrorMetrics;
  readonly now: () => number;
}

const maxTags = 100_000;
/** Of what is read to tell of a package. */
const maxReadBytes = 4 * 1024 * 1024;
/** A version does not change, so a list of all of them need not look at each again whenever a new one may have come. */
const versionFreshMs = 60 * 60_000;
const listLimits = { maxBytes: 16 * 1024 * 1024, maxDescriptors: 100_000 };

/**
 * A repository that is another registry's, as one request sees it. What has a digest is asked for once and held against
 * it; what can change is asked for again when it is no longer fresh. Throws what `Upstream` does.
 */
export class Mirror {
  readonly #parts: MirrorParts;
  readonly #upstream: Upstream;
  readonly #repository: string;
  readonly #via: Via;
  readonly #source: string;
  /** Manifests that are being fetched, for all requests. */
  readonly #fetching: Map<string, Promise<StoredManifest | undefined>>;

  constructor(
    parts: MirrorParts,
    upstream: Upstream,
    fetching: Map<string, Promise<StoredManifest | undefined>>,
    repository: string,
    via: Via,
  ) {
    this.#parts = parts;
    this.#upstream = upstream;
    this.#fetching = fetching;
    this.#repository = repository;
    this.#via = via;
    this.#source = upstream.sourceOf(repository);
  }

  /** The host of the registry that it is a mirror of. */
  get upstream(): string {
    return this.#upstream.host;
  }

  /** By tag or digest; undefined for what is not there. `freshMs` lets a tag be fresh for longer than usual. */
  async manifest(reference: string, freshMs = 0): Promise<Answered<StoredManifest> | undefined> {
    if (isDigest(reference)) {
      const value = await this.#byDigest(reference);
      return value === undefined ? undefined : { value };
    }
    if (!isTag(reference)) return undefined;
    const tag = await this.#parts.answers.get({
      content: "manifest",
      source: this.#source,
      question: `tag ${reference}`,
      freshMs,
      ask: async () => {
        const found = await this.#upstream.resolve(this.#repository, reference, this.#via);
        return found === undefined ? undefined : { answer: found.digest };
      },
    });
    const value = tag === undefined ? undefined : await this.#byDigest(parseDigest(tag.value));
    return tag === undefined || value === undefined ? undefined : { ...tag, value };
  }

  /** Throws `registry-server/blob-unknown`. */
  blob(digest: Digest): Promise<FoundBlob> {
    return this.#parts.blobs.find(this.#addressOf(digest));
  }

  /** All of them, in byte order; undefined for a repository that has none. */
  async tags(): Promise<Answered<readonly string[]> | undefined> {
    const found = await this.#parts.answers.get({
      content: "tags",
      source: this.#source,
      question: "tags",
      ask: async () => {
        const tags = await this.#upstream.tags(this.#repository, this.#via);
        if (tags !== undefined && tags.length > maxTags)
          throw upstreamFailed(this.upstream, `${this.#repository} has more than ${maxTags} tags`);
        return tags === undefined ? undefined : { answer: JSON.stringify(tags.filter(isTag)) };
      },
    });
    return found === undefined ? undefined : { ...found, value: JSON.parse(found.value) as readonly string[] };
  }

  async referrers(subject: Digest): Promise<Answered<readonly Descriptor[]>> {
    const found = await this.#parts.answers.get({
      content: "referrers",
      source: this.#source,
      question: `referrers ${subject}`,
      ask: async () => {
        const referrers = await this.#upstream.referrers(this.#repository, subject, this.#via);
        return { answer: decodeUtf8(formatManifest(referrersIndex(referrers))) };
      },
    });
    if (found === undefined) return { value: [] };
    const index = parseManifestBytes(encodeUtf8(found.value), mediaTypes.index, listLimits);
    return { ...found, value: index.kind === "index" ? index.manifests : [] };
  }

  /**
   * What the package index says of the repository, as JSON: the upstream's, or where that has none what its manifests
   * tell.
   */
  document(view: "detail" | "resolution"): Promise<Answered<string> | undefined> {
    return this.#parts.answers.get({
      content: "index",
      source: this.#source,
      question: view,
      ask: async (etag) => {
        const found = await this.#upstream.document(this.#repository, view, etag, this.#via);
        if (found === "unchanged") return found;
        if (found !== undefined)
          return { answer: stringifyJson(found.document), ...(found.etag === undefined ? {} : { etag: found.etag }) };
        const told = await describePackage(this.#repository, view, this.#reader()).catch((error: unknown) => {
          throw this.#translate(error);
        });
        return told === undefined ? undefined : { answer: stringifyJson(told) };
      },
    });
  }

  #addressOf(digest: Digest): BlobAddress {
    return { upstream: this.#upstream, repository: this.#repository, via: this.#via, digest };
  }

  /** The repository as one reads it that has no index, by what is kept here. */
  #reader(): ContentReader {
    return {
      tags: async () => (await this.tags())?.value ?? [],
      resolve: async (tag) => {
        const found = await this.manifest(tag, versionFreshMs);
        if (found === undefined) return undefined;
        const { digest, mediaType, bytes } = found.value;
        return { digest, mediaType, sizeBytes: bytes.length };
      },
      read: (content) => this.#read(content),
      referrers: async (subject, artifactType) => selectReferrers((await this.referrers(subject)).value, artifactType),
    };
  }

  /** What is wrong with a package is the upstream's affair, where it is said by none of our own errors. */
  #translate(error: unknown): unknown {
    const own = !isCpmError(error) || /^(registry-server|store)\//.test(error.code);
    return own ? error : upstreamFailed(this.upstream, `${error.message} [${error.code}]`, error);
  }

  async *#read(content: Descriptor): ByteSource {
    const { digest, sizeBytes, mediaType } = content;
    if (isManifestType(mediaType)) {
      const manifest = await this.#byDigest(digest);
      if (manifest === undefined) throw upstreamFailed(this.upstream, `${this.#repository} has lost ${digest}`);
      yield manifest.bytes;
      return;
    }
    if (sizeBytes > maxReadBytes) throw upstreamFailed(this.upstream, `${digest} has more than ${maxReadBytes} bytes`);
    const { body } = await this.#parts.blobs.find({ ...this.#addressOf(digest), sizeBytes });
    yield* new Response(await body({ startBytes: 0, endBytes: sizeBytes })).body ?? emptySource();
  }

  async #byDigest(digest: Digest): Promise<StoredManifest | undefined> {
    const { records, uses, metrics } = this.#parts;
    const known = await records.manifest(this.#source, digest);
    if (known !== undefined) {
      metrics.answer("manifest", "hit");
      await uses.manifest(this.#source, digest);
      return known;
    }
    const key = `${this.#source}@${digest}`;
    const running = this.#fetching.get(key);
    if (running !== undefined) return running;
    const fetching = this.#fetch(digest).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetch(digest: Digest): Promise<StoredManifest | undefined> {
    const { records, metrics, now } = this.#parts;
    const found = await this.#upstream.manifest(this.#repository, digest, this.#via);
    if (found === undefined) return undefined;
    const { bytes, descriptor } = found;
    const actual = digestOf(bytes, digestAlgorithm(digest));
    if (actual !== digest) throw upstreamFailed(this.upstream, `a manifest has digest ${actual}, not ${digest}`);
    const manifest = { digest, mediaType: this.#mediaTypeOf(bytes, descriptor.mediaType), bytes };
    await records.addManifest(this.#source, manifest, now());
    metrics.answer("manifest", "miss");
    return manifest;
  }

  /** What is no manifest is not passed on as one. */
  #mediaTypeOf(bytes: Uint8Array, mediaType: string): string {
    try {
      return parseManifestBytes(bytes, mediaType).mediaType;
    } catch (error) {
      if (!isCpmError(error)) throw error;
      throw upstreamFailed(this.upstream, `a manifest cannot be read: ${error.message}`, error);
    }
  }
}
