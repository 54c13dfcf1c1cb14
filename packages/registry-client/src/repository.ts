import { createHash } from "node:crypto";
import { createDigest, digestAlgorithm, isDigest, isJsonObject } from "@cpm/base";
import type { ByteSource, CancelSignal, Digest } from "@cpm/base";
import {
  acceptedManifestTypes,
  compareByteOrder,
  digestMismatch,
  formatManifest,
  incompleteManifest,
  mediaTypes,
  parseManifestBytes,
  parseNextLink,
  parseTag,
  referrerDescriptor,
  referrersIndex,
  referrersTag,
  selectReferrers,
} from "@cpm/oci";
import type { CallOptions, Descriptor, Ingest, ReadOptions, Store } from "@cpm/oci";
import { parseJsonAnswer, refusal } from "./answers.ts";
import { download } from "./blob-download.ts";
import { UploadIngest, createUploadState } from "./blob-upload.ts";
import type { UploadState } from "./blob-upload.ts";
import { protocolError } from "./errors.ts";
import type { KeyedQueue } from "./keyed-queue.ts";
import { drop } from "./transport.ts";
import type { RegistryRequest, Transport } from "./transport.ts";

const maxManifestBytes = 4 * 1024 * 1024;
const maxPageBytes = 16 * 1024 * 1024;
const maxPages = 10_000;
const fallbackAttempts = 5;

/** What the repositories of one client share. */
export interface Shared {
  readonly transport: Transport;
  readonly uploads: Map<string, UploadState>;
  readonly queue: KeyedQueue;
}

/** A repository of a registry as a `Store`, and what only a registry can do. */
export interface Repository extends Store {
  /**
   * Makes a blob of another repository of the same registry available here without sending it. False when the
   * registry did not: the blob must then be ingested.
   */
  mount(content: Descriptor, fromRepository: string, options?: CallOptions): Promise<boolean>;
}

export interface RepositoryOptions {
  /**
   * Lets a new package have a name that cpm-registry would refuse because it is easily taken for another's. Default
   * false. Other registries refuse no names, and ignore it.
   */
  readonly allowSimilarName?: boolean;
}

/** A manifest as the registry sent it, with the digest that its bytes have. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export class RegistryRepository implements Repository {
  readonly #allowSimilarName: boolean;
  readonly #shared: Shared;
  readonly #name: string;
  readonly #pull: readonly string[];
  readonly #push: readonly string[];

  constructor(shared: Shared, name: string, options: RepositoryOptions = {}) {
    this.#allowSimilarName = options.allowSimilarName === true;
    this.#shared = shared;
    this.#name = name;
    this.#pull = [`repository:${name}:pull`];
    this.#push = [`repository:${name}:pull,push`];
  }

  async stat(digest: Digest, options: CallOptions = {}): Promise<{ sizeBytes: number } | undefined> {
    return (
      (await this.#head(`blobs/${digest}`, this.#pull, options.signal)) ??
      (await this.#head(`manifests/${digest}`, this.#pull, options.signal))
    );
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    options.signal?.throwIfAborted();
    const source = { transport: this.#shared.transport, repository: this.#name, scopes: this.#pull };
    yield* download(source, content, options);
  }

  async ingest(content: Descriptor, options: CallOptions = {}): Promise<Ingest | undefined> {
    options.signal?.throwIfAborted();
    const { queue, uploads, transport } = this.#shared;
    const key = `${this.#name}@${content.digest}`;
    const leave = await queue.enter(key);
    try {
      if ((await this.#head(`blobs/${content.digest}`, this.#push, options.signal)) !== undefined) {
        leave();
        return undefined;
      }
    } catch (error) {
      leave();
      throw error;
    }
    const state = uploads.get(key) ?? createUploadState(content, transport.limits.chunkBytes);
    const target = { transport, repository: this.#name, scopes: this.#push, signal: options.signal };
    return new UploadIngest(target, content, state, (kept) => {
      if (kept === undefined) uploads.delete(key);
      else uploads.set(key, kept);
      leave();
    });
  }

  async mount(content: Descriptor, fromRepository: string, options: CallOptions = {}): Promise<boolean> {
    const scopes = [...this.#push, `repository:${fromRepository}:pull`];
    const query = new URLSearchParams({ mount: content.digest, from: fromRepository });
    const response = await this.#send({ method: "POST", path: `blobs/uploads/?${query}`, scopes, ...options });
    const answered = response.status === 201 || response.status === 202;
    // A registry that cannot mount may not know the request at all.
    if (!answered && response.status !== 404 && response.status !== 405)
      throw await refusal(this.#shared.transport, response, `mount ${content.digest}`, options.signal);
    await drop(response);
    if (response.status === 201) return true;
    const location = response.headers.get("location");
    if (response.status === 202 && location !== null) {
      // The registry opened an upload instead, which nobody is going to use.
      const target = new URL(location, new URL(`/v2/${this.#name}/blobs/uploads/`, this.#shared.transport.origin));
      await drop(await this.#shared.transport.send({ method: "DELETE", target, scopes, ...options }));
    }
    return false;
  }

  async resolve(tag: string, options: CallOptions = {}): Promise<Descriptor | undefined> {
    const path = `manifests/${parseTag(tag)}`;
    const headers = { accept: acceptedManifestTypes.join(", ") };
    const response = await this.#send({ method: "HEAD", path, headers, scopes: this.#pull, ...options });
    await drop(response);
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw await refusal(this.#shared.transport, response, `resolve ${tag}`);
    const digest = response.headers.get("docker-content-digest") ?? "";
    const size = response.headers.get("content-length");
    if (!isDigest(digest) || size === null) return (await this.manifest(tag, options.signal))?.descriptor;
    return { mediaType: mediaTypeOf(response), digest, sizeBytes: Number(size) };
  }

  async putManifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    tags: readonly string[] = [],
    options: CallOptions = {},
  ): Promise<void> {
    const actual = digestOf(bytes, descriptor.digest);
    if (actual !== descriptor.digest) throw digestMismatch(descriptor.digest, actual);
    const manifest = parseManifestBytes(bytes, descriptor.mediaType);
    let subjectKnown = false;
    let left: readonly string[] = tags.map(parseTag);
    if (left.length !== 1) {
      // All tags in one step, where the registry knows how (after distribution-spec v1.1).
      const query = left.map((tag) => `tag=${tag}`).join("&");
      const reference = `${descriptor.digest}${query === "" ? "" : `?${query}`}`;
      const response = await this.#put(reference, descriptor, bytes, options.signal);
      subjectKnown = response.headers.get("oci-subject") !== null;
      const done = new Set((response.headers.get("oci-tag") ?? "").split(",").map((tag) => tag.trim()));
      left = left.filter((tag) => !done.has(tag));
    }
    for (const tag of left) {
      // oxlint-disable-next-line no-await-in-loop -- the first tag refused stops the rest
      const response = await this.#put(tag, descriptor, bytes, options.signal);
      subjectKnown = response.headers.get("oci-subject") !== null;
    }
    if (manifest.subject !== undefined && !subjectKnown) {
      const entry = referrerDescriptor(manifest, descriptor.digest, bytes.length);
      await this.#addFallbackReferrer(manifest.subject.digest, entry, options.signal);
    }
  }

  async tags(options: CallOptions = {}): Promise<readonly string[]> {
    const found = new Set<string>();
    const first = `/v2/${this.#name}/tags/list`;
    for await (const body of this.#pages(first, "list the tags", options.signal)) {
      const document = parseJsonAnswer(body, `${this.#where()}/tags/list`);
      const list = isJsonObject(document) ? (document["tags"] ?? []) : undefined;
      if (!Array.isArray(list)) throw protocolError(`${this.#shared.transport.origin.host} sent no list of tags`);
      for (const tag of list) if (typeof tag === "string") found.add(tag);
    }
    return [...found].sort(compareByteOrder);
  }

  async untag(tag: string, options: CallOptions = {}): Promise<boolean> {
    const scopes = [`repository:${this.#name}:pull,push,delete`];
    const response = await this.#send({ method: "DELETE", path: `manifests/${parseTag(tag)}`, scopes, ...options });
    if (response.status !== 404 && !response.ok) {
      throw await refusal(this.#shared.transport, response, `remove the tag ${tag}`);
    }
    await drop(response);
    return response.ok;
  }

  async referrers(subject: Digest, artifactType?: string, options: CallOptions = {}): Promise<readonly Descriptor[]> {
    const query = artifactType === undefined ? "" : `?${new URLSearchParams({ artifactType })}`;
    const found = new Map<Digest, Descriptor>();
    const first = `/v2/${this.#name}/referrers/${subject}${query}`;
    let supported = false;
    for await (const body of this.#pages(first, "list the referrers", options.signal)) {
      supported = true;
      const index = parseManifestBytes(body, mediaTypes.index, { maxBytes: maxPageBytes, maxDescriptors: 10_000 });
      if (index.kind === "index") for (const entry of index.manifests) found.set(entry.digest, entry);
    }
    if (!supported)
      for (const entry of await this.#fallbackReferrers(subject, options.signal)) found.set(entry.digest, entry);
    return selectReferrers(found.values(), artifactType);
  }

  /** See `RegistryClient.manifest`. */
  async manifest(reference: string, signal: CancelSignal | undefined): Promise<FetchedManifest | undefined> {
    const headers = { accept: acceptedManifestTypes.join(", ") };
    const target = `/v2/${this.#name}/manifests/${reference}`;
    const { transport } = this.#shared;
    const request = { method: "GET", target, headers, scopes: this.#pull, signal };
    const { response, bytes } = await transport.receive(request, maxManifestBytes);
    if (response.status === 404) return undefined;
    if (response.status !== 200)
      throw await refusal(transport, response, `fetch the manifest ${reference}`, signal, bytes);
    const digest = digestOf(bytes, isDigest(reference) ? reference : undefined);
    return { descriptor: { mediaType: mediaTypeOf(response), digest, sizeBytes: bytes.length }, bytes };
  }

  async #put(
    reference: string,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal: CancelSignal | undefined,
  ): Promise<Response> {
    const path = `manifests/${reference}`;
    const consent = this.#allowSimilarName ? { "cpm-allow-similar-name": "true" } : {};
    const headers = { "content-type": descriptor.mediaType, ...consent };
    const body = new Uint8Array(bytes);
    const { publishTimeoutMs: responseTimeoutMs } = this.#shared.transport.limits;
    const request = { method: "PUT", path, headers, body, scopes: this.#push, responseTimeoutMs, signal };
    const response = await this.#send(request);
    if (response.status === 201) {
      await drop(response);
      const stored = response.headers.get("docker-content-digest");
      if (stored !== null && stored !== descriptor.digest && isDigest(stored)) {
        throw digestMismatch(descriptor.digest, stored);
      }
      return response;
    }
    const error = await refusal(this.#shared.transport, response, `store the manifest ${reference}`, signal);
    const missing = missingBlobs(error.context?.["errors"], descriptor.digest);
    if (missing !== undefined) throw incompleteManifest(this.#where(), descriptor.digest, missing);
    throw error;
  }

  /** Adds to the index under the fallback tag; writes again when another writer's index replaced it meanwhile. */
  async #addFallbackReferrer(subject: Digest, entry: Descriptor, signal: CancelSignal | undefined): Promise<void> {
    for (let attempt = 1; attempt <= fallbackAttempts; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- each round reads what the last one left
      const known = await this.#fallbackReferrers(subject, signal);
      if (known.some((other) => other.digest === entry.digest)) return;
      const bytes = formatManifest(referrersIndex([...known, entry]));
      const digest = digestOf(bytes, subject);
      const descriptor = { mediaType: mediaTypes.index, digest, sizeBytes: bytes.length };
      // oxlint-disable-next-line no-await-in-loop
      await this.#put(referrersTag(subject), descriptor, bytes, signal);
    }
    const known = await this.#fallbackReferrers(subject, signal);
    if (!known.some((other) => other.digest === entry.digest)) {
      throw protocolError(`the referrers of ${subject} are written by others at the same time; try again`);
    }
  }

  async #fallbackReferrers(subject: Digest, signal: CancelSignal | undefined): Promise<readonly Descriptor[]> {
    const found = await this.manifest(referrersTag(subject), signal);
    if (found === undefined) return [];
    const index = parseManifestBytes(found.bytes, found.descriptor.mediaType);
    return index.kind === "index" ? index.manifests : [];
  }

  /** The bodies of a list and its next pages, within its limit; none at all when the first answer is 404. */
  async *#pages(first: string, doing: string, signal: CancelSignal | undefined): AsyncGenerator<Uint8Array> {
    const { transport } = this.#shared;
    let target = new URL(first, transport.origin);
    let leftBytes = transport.limits.listBytes;
    for (let page = 0; page < maxPages; page++) {
      const request = { method: "GET", target, scopes: this.#pull, signal };
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      const { response, bytes } = await transport.receive(request, Math.min(maxPageBytes, leftBytes));
      leftBytes -= bytes.length;
      if (response.status === 404 && page === 0) return;
      // oxlint-disable-next-line no-await-in-loop
      if (response.status !== 200) throw await refusal(transport, response, doing, signal, bytes);
      yield bytes;
      const next = parseNextLink(response.headers.get("link") ?? "");
      if (next === undefined) return;
      const following = URL.parse(next, target);
      if (following === null || following.origin !== transport.origin.origin || following.href === target.href) {
        throw protocolError(`the next page after ${target.pathname} is nowhere: ${next.slice(0, 200)}`);
      }
      target = following;
    }
    throw protocolError(`${transport.origin.host} sends more than ${maxPages} pages`);
  }

  async #head(
    path: string,
    scopes: readonly string[],
    signal: CancelSignal | undefined,
  ): Promise<{ sizeBytes: number } | undefined> {
    const headers = { accept: [...acceptedManifestTypes, "*/*"].join(", ") };
    const response = await this.#send({ method: "HEAD", path, headers, scopes, signal });
    await drop(response);
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw await refusal(this.#shared.transport, response, `look for ${path}`, signal);
    const size = response.headers.get("content-length");
    if (size === null) throw protocolError(`${this.#where()} does not tell the size of ${path}`);
    return { sizeBytes: Number(size) };
  }

  #send(request: Omit<RegistryRequest, "target"> & { readonly path: string }): Promise<Response> {
    const { path, ...rest } = request;
    return this.#shared.transport.send({ ...rest, target: `/v2/${this.#name}/${path}` });
  }

  #where(): string {
    return `${this.#shared.transport.origin.host}/${this.#name}`;
  }
}

function mediaTypeOf(response: Response): string {
  return (response.headers.get("content-type") ?? mediaTypes.manifest).replace(/;.*$/, "").trim();
}

function digestOf(bytes: Uint8Array, like: Digest | undefined): Digest {
  const algorithm = like === undefined ? "sha256" : digestAlgorithm(like);
  return createDigest(algorithm, createHash(algorithm).update(bytes).digest("hex"));
}

/** The digests that the registry says are missing from a manifest; undefined when that is not what it says. */
function missingBlobs(errors: unknown, manifest: Digest): Digest[] | undefined {
  if (!Array.isArray(errors)) return undefined;
  const entries = errors.filter((entry: { code?: unknown }) => entry.code === "MANIFEST_BLOB_UNKNOWN");
  if (entries.length === 0) return undefined;
  const text = JSON.stringify(entries, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  const named = new Set([...text.matchAll(/sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g)].map((match) => match[0]));
  return [...named].filter(isDigest).filter((digest) => digest !== manifest);
}
