import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CancelSignal, Clock, Digest, JsonObject, JsonValue } from "@cpm/base";
import { digestHex, isCpmError, isDigest, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { isEvidenceType } from "@cpm/model";
import type { ListedVersion, RegistryClient } from "@cpm/registry-client";
import { readVersionListing } from "@cpm/registry-client";
import { removeFile } from "@cpm/store";
import { operationError } from "../errors.ts";

export interface MetadataOptions {
  readonly registry: (host: string) => Pick<RegistryClient, "packageVersions" | "repository">;
  /** Where answers are kept; they are only ever a copy of what a registry said. */
  readonly cacheDirectory: string;
  readonly clock: Clock;
  /** How long a registry's answer counts without asking again, in milliseconds. Default 5 minutes; 0 asks every time. */
  readonly freshMs?: (host: string) => number;
  /** Uses what is here, however old, and no network. */
  readonly offline?: boolean;
  readonly signal?: CancelSignal | undefined;
}

export type Versions = readonly ListedVersion[] | undefined;

/** What there is to know of packages before any is read: from registries, or from bundles. */
export interface PackageListings {
  /** Undefined when the registry has no such package. */
  versions(host: string, name: string): Versions | Promise<Versions>;
  /** What was said of a package by those who signed or attested it: digests of its referrers, in byte order. */
  evidence(host: string, name: string, subject: Digest): Promise<readonly Digest[]>;
  /** Forgets what is kept of a package, because this process has just changed it. */
  forget(host: string, name: string): void;
}

interface Cached {
  readonly etag: string | undefined;
  readonly checkedAtMs: number;
  readonly document: JsonObject | undefined;
}

/** In milliseconds. */
export const defaultFreshMs: number = 5 * 60_000;

/**
 * The versions of packages and what they need, as registries list them: one request for a name, none while the last
 * answer is fresh, a short one when it has not changed. What is known is answered at once, what is not as a promise,
 * and each name is asked for once however often it is wanted.
 */
export class PackageMetadata implements PackageListings {
  readonly #options: MetadataOptions;
  readonly #known = new Map<string, Versions>();
  readonly #asked = new Map<string, Promise<Versions>>();
  #requests = 0;

  constructor(options: MetadataOptions) {
    this.#options = options;
  }

  /** How many registries were asked, for those who promise to ask none. */
  get requests(): number {
    return this.#requests;
  }

  /** Undefined when the registry has no such package. Throws `resolution/offline` when it is not here and may not be asked for. */
  versions(host: string, name: string): Versions | Promise<Versions> {
    const key = `${host}/${name}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const path = this.#path(host, name);
    const cached = readCached(path);
    if (cached !== undefined && this.#isFresh(host, cached)) return this.#learn(key, cached.document);
    if (this.#options.offline === true) {
      throw operationError("resolution/offline", `${name} of ${host} is not known here, and --offline asks nobody`);
    }
    const answer = this.#ask(host, name, path, cached).then((document) => this.#learn(key, document));
    this.#asked.set(key, answer);
    // Whoever awaits it sees the failure; a prefetch that nobody awaits must not count as unhandled.
    answer.catch(() => {});
    return answer;
  }

  /** One request for a package, and none while the last answer is fresh. Only making a lockfile asks for it. */
  async evidence(host: string, name: string, subject: Digest): Promise<readonly Digest[]> {
    const path = this.#path(host, name, `.${digestHex(subject)}.evidence`);
    const cached = readCached(path);
    if (cached !== undefined && this.#isFresh(host, cached)) return readEvidence(cached.document);
    if (this.#options.offline === true) {
      throw operationError(
        "resolution/offline",
        `what was signed of ${name} is not known here, and --offline asks nobody`,
      );
    }
    this.#requests++;
    const { registry, clock, signal } = this.#options;
    const referrers = await registry(host).repository(name).referrers(subject, undefined, { signal });
    const evidence = referrers.filter((entry) => isEvidenceType(entry.artifactType)).map((entry) => entry.digest);
    writeCached(path, { etag: undefined, checkedAtMs: clock.now(), document: { evidence } });
    return evidence;
  }

  forget(host: string, name: string): void {
    this.#known.delete(`${host}/${name}`);
    this.#asked.delete(`${host}/${name}`);
    removeFile(this.#path(host, name));
  }

  #learn(key: string, document: JsonObject | undefined): Versions {
    const versions = document === undefined ? undefined : readVersionListing(document);
    this.#known.set(key, versions);
    return versions;
  }

  async #ask(host: string, name: string, path: string, cached: Cached | undefined): Promise<JsonObject | undefined> {
    this.#requests++;
    const { registry, clock, signal } = this.#options;
    const listing = await registry(host).packageVersions(name, { etag: cached?.etag, signal });
    const unchanged = listing === "unchanged";
    const document = unchanged ? cached?.document : listing?.document;
    const etag = unchanged ? cached?.etag : listing?.etag;
    writeCached(path, { etag, checkedAtMs: clock.now(), document });
    return document;
  }

  #isFresh(host: string, { checkedAtMs }: Cached): boolean {
    const { clock, freshMs, offline } = this.#options;
    const ageMs = clock.now() - checkedAtMs;
    return offline === true || (ageMs >= 0 && ageMs < (freshMs?.(host) ?? defaultFreshMs));
  }

  #path(host: string, name: string, suffix = ""): string {
    return join(this.#options.cacheDirectory, encodeURIComponent(host), `${name}${suffix}.json`);
  }
}

/** What cannot be read counts as nothing: it is asked for again. */
function readCached(path: string): Cached | undefined {
  try {
    const stored = parseJson(readFileSync(path, "utf8"));
    if (!isJsonObject(stored) || typeof stored["checkedAtMs"] !== "number") return undefined;
    const { etag, checkedAtMs, document } = stored;
    return {
      etag: typeof etag === "string" ? etag : undefined,
      checkedAtMs,
      document: document !== undefined && isJsonObject(document) ? document : undefined,
    };
  } catch (error) {
    if (isCpmError(error) || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}

function readEvidence(document: JsonObject | undefined): readonly Digest[] {
  const evidence = document?.["evidence"];
  return Array.isArray(evidence)
    ? evidence.filter((entry: JsonValue): entry is Digest => typeof entry === "string" && isDigest(entry))
    : [];
}

/** A cache that cannot be written costs time and nothing else, so its failures are not the command's. */
function writeCached(path: string, { etag, checkedAtMs, document }: Cached): void {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const stored = {
      checkedAtMs,
      ...(etag === undefined ? {} : { etag }),
      ...(document === undefined ? {} : { document }),
    };
    writeFileSync(draft, stringifyJson(stored));
    renameSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    removeFile(draft);
  }
}
