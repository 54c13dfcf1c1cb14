import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Credential, Fetch, RegistryClientLimits } from "@cpm/registry-client";
import { makeDirectory, withFileErrors } from "@cpm/store";
import { ownSecret } from "../access/accounts.ts";
import { namespaceOf } from "../access/namespaces.ts";
import type { NamespaceFacts } from "../access/rights.ts";
import { matchesPattern } from "../access/token-scopes.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { mirrorLoop, registryError } from "../errors.ts";
import type { Job } from "../jobs/job.ts";
import type { StoredManifest } from "../metadata.ts";
import type { MetricSource } from "@cpm/service";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { PartBuffers } from "../objects/part-buffers.ts";
import { S3Objects } from "../objects/s3-objects.ts";
import type { S3Settings } from "../objects/s3-settings.ts";
import { openObjects } from "../storage.ts";
import { BlobCache } from "./blob-cache.ts";
import { CachedObjects } from "./cached-objects.ts";
import { evictMirrored } from "./eviction.ts";
import { Mirror } from "./mirror.ts";
import type { MirrorParts } from "./mirror.ts";
import { MirrorAnswers } from "./mirror-answers.ts";
import { MirrorMetrics } from "./mirror-metrics.ts";
import { MirrorRecords } from "./mirror-records.ts";
import { isPattern } from "./mirror-rule.ts";
import type { MirrorRule } from "./mirror-rule.ts";
import { MirrorUses } from "./mirror-uses.ts";
import { Upstream } from "./upstream.ts";
import { isLoop } from "./via.ts";
import type { Via } from "./via.ts";

export interface MirrorOptions {
  /** The first that fits a namespace counts. */
  readonly rules: readonly MirrorRule[];
  /** By the host of an upstream: `host` or `host:port`. */
  readonly credentials?: ReadonlyMap<string, Credential>;
  /** How long what can change is not asked for again. Default 60 s. */
  readonly freshMs?: number;
  /** Of everything that is kept. Default 10 GiB. */
  readonly maxBytes?: number;
  /** What nobody asked for within this time leaves. Default 30 days. */
  readonly maxAgeMs?: number;
  readonly fetch?: Fetch;
  readonly clientLimits?: Partial<RegistryClientLimits>;
}

export interface MirrorsParts {
  readonly options: MirrorOptions;
  readonly database: Database;
  /** Undefined where PostgreSQL and S3 have everything. */
  readonly dataDirectory: string | undefined;
  readonly s3: S3Settings | undefined;
  readonly maxBlobBytes: number;
  readonly redirectFromBytes: number;
  readonly onFailure: (error: unknown) => void;
  readonly now: () => number;
}

/** Beside those of uploads: what is fetched can wait for one another. */
const s3Buffers = 4;
const defaults = { freshMs: 60_000, maxBytes: 10 * 1024 ** 3, maxAgeMs: 30 * 24 * 60 * 60_000 };

/** A rule with the registry that it names. */
interface Mirrored {
  readonly rule: MirrorRule;
  readonly upstream: Upstream;
  readonly private: boolean;
}

/**
 * The namespaces that are other registries'. A rule that names one makes it: nothing can be pushed there. A pattern is
 * for the namespaces that this registry does not have. What needs credentials there is private here, until somebody
 * says otherwise.
 */
export class Mirrors {
  readonly #parts: MirrorParts;
  readonly #mirrored: readonly Mirrored[];
  readonly #database: Database;
  /** What this registry is called among mirrors. */
  readonly #ownName: string;
  readonly #fetching = new Map<string, Promise<StoredManifest | undefined>>();
  readonly jobs: readonly Job[];

  constructor(parts: MirrorParts, mirrored: readonly Mirrored[], database: Database, ownName: string, job: Job) {
    this.#parts = parts;
    this.#mirrored = mirrored;
    this.#database = database;
    this.#ownName = ownName;
    this.jobs = [job];
  }

  get metricSources(): readonly MetricSource[] {
    return [this.#parts.metrics];
  }

  /**
   * Undefined for a repository that is this registry's own, and one that is not there. Throws
   * `registry-server/mirror-loop` for a request that has come through this registry before: it would wait for itself.
   */
  async of(repository: string, via: Via = []): Promise<Mirror | undefined> {
    const found = await this.#find(namespaceOf(repository));
    if (found === undefined) return undefined;
    if (isLoop(via, this.#ownName)) throw mirrorLoop(found.upstream.host);
    return new Mirror(this.#parts, found.upstream, this.#fetching, repository, via);
  }

  /** Of a namespace that this registry does not have itself, where it is mirrored. */
  factsOf(namespace: string): NamespaceFacts | undefined {
    const found = this.#mirrored.find(({ rule }) => matchesPattern(rule.pattern, namespace));
    return found === undefined ? undefined : { private: found.private, role: undefined };
  }

  /** Ends what is under way, and tells the database what was used. */
  async close(): Promise<void> {
    await this.#parts.blobs.close();
    await this.#parts.uses.flush();
  }

  async #find(namespace: string): Promise<Mirrored | undefined> {
    const found = this.#mirrored.find(({ rule }) => matchesPattern(rule.pattern, namespace));
    if (found === undefined || !isPattern(found.rule)) return found;
    const own = await this.#database.get(sql`SELECT 1 FROM namespaces WHERE name = ${namespace}`);
    return own === undefined ? found : undefined;
  }
}

/**
 * Makes the namespaces that rules name. Undefined where nothing is mirrored and nothing of it is left. Throws
 * `registry-server/mirror-conflict` where something was pushed to such a namespace. Whoever opens closes.
 */
export async function openMirrors({
  options,
  database,
  dataDirectory,
  s3,
  ...parts
}: MirrorsParts): Promise<Mirrors | undefined> {
  const { rules, credentials, fetch: fetchFrom = fetch, clientLimits = {} } = options;
  const { now } = parts;
  const { freshMs, maxBytes, maxAgeMs } = { ...defaults, ...options };
  const records = new MirrorRecords(database);
  if (rules.length === 0 && (await records.totalBytes()) === 0) return undefined;
  const metrics = new MirrorMetrics(records);
  const ownName = await nameAmongMirrors(database);
  const mirrored = rules.map((rule): Mirrored => {
    const credential = credentials?.get(rule.origin.host);
    const onFailure = (): void => metrics.failUpstream();
    const upstream = new Upstream({
      rule,
      ownName,
      credential,
      fetch: fetchFrom,
      limits: clientLimits,
      now,
      onFailure,
    });
    return { rule, upstream, private: credential !== undefined };
  });
  for (const { rule, private: hidden } of mirrored)
    if (!isPattern(rule)) await takeNamespace(database, rule, hidden, now());
  const objects = openOwnObjects(dataDirectory, s3);
  const cached = new CachedObjects(records, objects, now);
  const uses = new MirrorUses(records, now);
  const blobs = new BlobCache({
    records,
    objects,
    cached,
    uses,
    metrics,
    spoolDirectory: emptySpool(dataDirectory),
    redirectFromBytes: parts.redirectFromBytes,
    maxBlobBytes: Math.min(parts.maxBlobBytes, maxBytes),
    onStoreFailure: parts.onFailure,
  });
  const answers = new MirrorAnswers(records, metrics, freshMs, now);
  const job = evictMirrored({ records, cached, uses, metrics, maxBytes, maxAgeMs, now });
  return new Mirrors({ records, answers, blobs, uses, metrics, now }, mirrored, database, ownName, job);
}

/** Of all replicas of a registry the same, and of no other registry. */
async function nameAmongMirrors(database: Database): Promise<string> {
  const secret = await ownSecret(database, "mirror-name");
  return `cpm-${createHash("sha256").update(secret).digest("hex").slice(0, 16)}`;
}

async function takeNamespace(database: Database, { pattern, origin }: MirrorRule, hidden: boolean, now: number) {
  await database.transact(async (transaction) => {
    const pushed = await transaction.get<{ name: string }>(
      sql`SELECT name FROM repositories WHERE namespace = ${pattern} LIMIT 1`,
    );
    if (pushed !== undefined)
      throw registryError(
        "registry-server/mirror-conflict",
        `${pushed.name} was pushed here, so ${pattern} is no mirror of ${origin.host}`,
      );
    await transaction.run(sql`
      INSERT INTO namespaces (name, private, created_at) VALUES (${pattern}, ${hidden ? 1 : 0}, ${now})
      ON CONFLICT (name) DO NOTHING`);
  });
}

/** Beside what was pushed, so that neither storage can take the other's objects for its own. */
function openOwnObjects(dataDirectory: string | undefined, s3: S3Settings | undefined): ObjectStorage {
  if (s3 !== undefined) return new S3Objects({ ...s3, prefix: `${s3.prefix}mirror/` }, {}, new PartBuffers(s3Buffers));
  const root = join(dataDirectory ?? "", "mirror");
  makeDirectory(root);
  return openObjects({ dataDirectory: root });
}

/** What a process that ended left in its directory is worth nothing. One without a directory has it among temporary files. */
function emptySpool(dataDirectory: string | undefined): string {
  if (dataDirectory === undefined) return mkdtempSync(join(tmpdir(), "cpm-registry-spool-"));
  const path = join(dataDirectory, "spool");
  withFileErrors("empty", path, () => rmSync(path, { recursive: true, force: true }));
  makeDirectory(path);
  return path;
}
