import { isCpmError } from "@cpm/base";
import type { ByteSource, Digest, JsonObject } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import type { Credential, Fetch, FetchedManifest, RegistryClient, RegistryClientLimits } from "@cpm/registry-client";
import { verifiedBytes } from "@cpm/store";
import { upstreamFailed, upstreamRefused, upstreamRetryS, upstreamUnavailable } from "../errors.ts";
import type { ByteRange } from "../objects/object-storage.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import type { Source } from "./mirror-records.ts";
import type { MirrorRule } from "./mirror-rule.ts";
import { formatVia } from "./via.ts";
import type { Via } from "./via.ts";

export interface UpstreamParts {
  readonly rule: MirrorRule;
  /** What this registry is called among mirrors. */
  readonly ownName: string;
  /** Never a client's: who asks here is unknown there. */
  readonly credential: Credential | undefined;
  readonly fetch: Fetch;
  readonly limits: Partial<RegistryClientLimits>;
  readonly now: () => number;
  readonly onFailure: () => void;
}

/** Few and short attempts: somebody waits, and what is cached may be served in its place. */
const patience: Partial<RegistryClientLimits> = {
  attempts: 2,
  maxBackoffMs: 2000,
  responseTimeoutMs: 10_000,
  // A blob is asked for once, whatever its size.
  parallelFromBytes: Number.POSITIVE_INFINITY,
  listBytes: 16 * 1024 * 1024,
};
/** As many as there are mirrors that ask this one; each has a client, since each says by whom it is asked. */
const maxClients = 32;

/**
 * Another registry, as the mirror asks it. Throws `registry-server/upstream-unavailable` when it does not answer, and
 * without asking for a while after that; `registry-server/upstream-refused` when it does not let this registry have it;
 * and `registry-server/upstream-failed` for an answer that is of no use.
 */
export class Upstream {
  readonly #parts: UpstreamParts;
  readonly #clients = new Map<string, RegistryClient>();
  #down: { readonly untilMs: number; readonly error: unknown } | undefined;

  constructor(parts: UpstreamParts) {
    this.#parts = { ...parts, fetch: guardedFetch(parts.rule.origin, parts.fetch) };
  }

  get host(): string {
    return this.#parts.rule.origin.host;
  }

  /** Where a repository of this registry is there. */
  sourceOf(repository: string): Source {
    return `${this.#parts.rule.origin.origin}/${this.#nameOf(repository)}`;
  }

  manifest(repository: string, reference: string, via: Via): Promise<FetchedManifest | undefined> {
    return this.#ask(via, (client) => client.manifest(this.#nameOf(repository), reference));
  }

  resolve(repository: string, tag: string, via: Via): Promise<Descriptor | undefined> {
    return this.#ask(via, (client) => client.repository(this.#nameOf(repository)).resolve(tag));
  }

  stat(repository: string, digest: Digest, via: Via): Promise<{ readonly sizeBytes: number } | undefined> {
    return this.#ask(via, (client) => client.repository(this.#nameOf(repository)).stat(digest));
  }

  /** Undefined for a repository without tags. */
  async tags(repository: string, via: Via): Promise<readonly string[] | undefined> {
    const tags = await this.#ask(via, (client) => client.repository(this.#nameOf(repository)).tags());
    return tags.length === 0 ? undefined : tags;
  }

  referrers(repository: string, subject: Digest, via: Via): Promise<readonly Descriptor[]> {
    return this.#ask(via, (client) => client.repository(this.#nameOf(repository)).referrers(subject));
  }

  /** What its package index says; undefined where it has none, or not the package. */
  async document(
    repository: string,
    view: "detail" | "resolution",
    etag: string | undefined,
    via: Via,
  ): Promise<{ readonly document: JsonObject; readonly etag?: string } | "unchanged" | undefined> {
    // Packages have two names, so behind a prefix there is no index.
    if (this.#parts.rule.prefix !== "") return undefined;
    return this.#ask(via, (client) => client.packageDocument(repository, view, { etag }));
  }

  /** Of the whole content the last bytes come only when all are what its digest says; a part is not held against it. */
  async *read(
    repository: string,
    content: Descriptor,
    { startBytes, endBytes }: ByteRange,
    via: Via,
    signal?: AbortSignal,
  ): ByteSource {
    const whole = startBytes === 0 && endBytes === content.sizeBytes;
    const options = { offsetBytes: startBytes, lengthBytes: endBytes - startBytes, signal };
    try {
      const bytes = this.#client(via).repository(this.#nameOf(repository)).read(content, options);
      yield* whole ? verifiedBytes(bytes, content) : bytes;
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#translate(error);
    }
  }

  #nameOf(repository: string): string {
    return `${this.#parts.rule.prefix}${repository}`;
  }

  async #ask<T>(via: Via, ask: (client: RegistryClient) => Promise<T>): Promise<T> {
    const client = this.#client(via);
    const { now } = this.#parts;
    if (this.#down !== undefined && this.#down.untilMs > now()) throw this.#down.error;
    try {
      const answer = await ask(client);
      this.#down = undefined;
      return answer;
    } catch (thrown) {
      const error = this.#translate(thrown);
      if (isCpmError(error, "registry-server/upstream-unavailable"))
        this.#down = { untilMs: now() + upstreamRetryS * 1000, error };
      throw error;
    }
  }

  #client(via: Via): RegistryClient {
    const { ownName, rule, credential, limits } = this.#parts;
    const chain = formatVia([...via, ownName]);
    const known = this.#clients.get(chain);
    if (known !== undefined) return known;
    const oldest = this.#clients.size < maxClients ? undefined : this.#clients.keys().next().value;
    if (oldest !== undefined) this.#clients.delete(oldest);
    const client = createRegistryClient({
      registry: this.host,
      plainHttp: rule.origin.protocol === "http:",
      credentials: credential === undefined ? anonymous : { get: async () => credential },
      userAgent: "cpm-registry",
      fetch: (url, init) => this.#parts.fetch(url, withVia(init, chain)),
      limits: { ...patience, ...limits },
    });
    this.#clients.set(chain, client);
    return client;
  }

  #translate(error: unknown): unknown {
    if (!isCpmError(error)) return error;
    const { code, message } = error;
    if (!/^(registry|oci|json|bytes)\/|^store\/(not-found|digest-mismatch|too-(long|short))$/.test(code)) return error;
    this.#parts.onFailure();
    if (passing.has(code)) return upstreamUnavailable(this.host, message, error);
    if (refusing.has(code)) return upstreamRefused(this.host, message, error);
    return upstreamFailed(this.host, `${message} [${code}]`, error);
  }
}

/** What may be over soon, and says nothing about what was asked for. */
const passing: ReadonlySet<string> = new Set(["registry/unreachable", "registry/server", "registry/rate-limited"]);

/** What is meant as it is said, so that nothing that was known before is to be shown in its place. */
const refusing: ReadonlySet<string> = new Set(["registry/unauthorized", "registry/denied"]);

function withVia(init: RequestInit, via: string): RequestInit {
  return { ...init, headers: { ...(init.headers as Record<string, string> | undefined), via } };
}
