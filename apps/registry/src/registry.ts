import { setTimeout as sleep } from "node:timers/promises";
import { isCpmError } from "@cpm/base";
import { AccessTokens } from "./access/access-token.ts";
import { createAccounts, ownSecret } from "./access/accounts.ts";
import type { Accounts } from "./access/accounts.ts";
import { AuditedDatabase } from "./access/audited-database.ts";
import { Authenticator } from "./access/authenticator.ts";
import type { Origin } from "./access/authenticator.ts";
import { RequestOrigin } from "./access/request-origin.ts";
import type { ClientAddress } from "./access/request-origin.ts";
import { Gate } from "./access/gate.ts";
import { IssuerKeys } from "./access/issuer-keys.ts";
import { RateLimit } from "./access/rate-limit.ts";
import { SignIn } from "./access/sign-in.ts";
import { ChangeFeed } from "./changes/change-feed.ts";
import { ChangeWatch } from "./changes/change-watch.ts";
import type { Database } from "./database/database.ts";
import { DownloadCounter } from "./downloads/download-counter.ts";
import { registryError } from "./errors.ts";
import { errorResponse, hostOf, sentBytesOf, toResponse } from "./http/answers.ts";
import type { PlainAnswer, TokenService } from "./http/answers.ts";
import { readTarget } from "./http/request-target.ts";
import type { RequestTarget } from "./http/request-target.ts";
import { handleRequest, isReading } from "./http/routes.ts";
import { forgetChanges } from "./changes/forget-changes.ts";
import { expireUploads } from "./jobs/expire-uploads.ts";
import type { Job } from "./jobs/job.ts";
import { JobLeases } from "./jobs/job-leases.ts";
import { JobMetrics } from "./jobs/job-metrics.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import { collectGarbage, sweepOrphans } from "./collect/collect-jobs.ts";
import { CollectCounts } from "./collect/collect-counts.ts";
import { CollectMetrics } from "./collect/collect-metrics.ts";
import { defaultCollectSettings, promiseSlackMs } from "./collect/collect-settings.ts";
import type { CollectSettings } from "./collect/collect-settings.ts";
import { Collector } from "./collect/collector.ts";
import { Sweep } from "./collect/sweep.ts";
import { defaultLimits } from "./limits.ts";
import type { RegistryLimits } from "./limits.ts";
import type { Metadata } from "./metadata.ts";
import { openMirrors } from "./mirror/mirrors.ts";
import type { MirrorOptions, Mirrors } from "./mirror/mirrors.ts";
import { SqlMetadata } from "./metadata/sql-metadata.ts";
import { LocalUploadRecords } from "./objects/local-upload-records.ts";
import { ObjectRemovals } from "./objects/object-removals.ts";
import type { ObjectStorage } from "./objects/object-storage.ts";
import { SqlUploadRecords } from "./objects/sql-upload-records.ts";
import type { MetricSource } from "./operation/metric-family.ts";
import { Metrics } from "./operation/metrics.ts";
import { checkReadiness } from "./operation/readiness.ts";
import type { Readiness } from "./operation/readiness.ts";
import { routeName } from "./operation/route-name.ts";
import { toErrorPage, wantsPage } from "./pages/error/response.ts";
import { openStorage } from "./storage.ts";
import type { Storage, StorageOptions } from "./storage.ts";
import { scrubJob } from "./scrub/scrub-job.ts";
import type { ScrubSettings } from "./scrub/scrub-job.ts";
import { ScrubMetrics } from "./scrub/scrub-metrics.ts";
import { ScrubRecords } from "./scrub/scrub-records.ts";
import { Uploads } from "./uploads.ts";
import { Deliveries } from "./webhooks/deliveries.ts";
import { forgetDeliveries } from "./webhooks/forget-deliveries.ts";
import { sendWebhook } from "./webhooks/send-webhook.ts";
import { WebhookMetrics } from "./webhooks/webhook-metrics.ts";
import { WebhookSender } from "./webhooks/webhook-sender.ts";

/** What the routes work with. */
export interface RegistryParts {
  readonly metadata: Metadata;
  readonly objects: ObjectStorage;
  /** A GET of a blob of this size or more is sent on to the storage; infinite where none is. */
  readonly redirectFromBytes: number;
  readonly uploads: Uploads;
  readonly downloads: DownloadCounter;
  readonly changes: ChangeFeed;
  readonly changeWatch: ChangeWatch;
  readonly deliveries: Deliveries;
  /** Whether webhooks may lead to private networks. */
  readonly privateWebhooks: boolean;
  /** Undefined where nothing is mirrored. */
  readonly mirrors: Mirrors | undefined;
  readonly collector: Collector;
  readonly sweep: Sweep;
  readonly collect: CollectSettings;
  readonly accounts: Accounts;
  readonly authenticator: Authenticator;
  readonly accessTokens: AccessTokens;
  readonly gate: Gate;
  readonly signIn: SignIn;
  readonly issuerKeys: IssuerKeys;
  readonly metrics: Metrics;
  /** What `/metrics` tells besides. */
  readonly metricSources: readonly MetricSource[];
  /** Who may read the metrics: every user and token, or everybody. */
  readonly openMetrics: boolean;
  readonly readiness: () => Promise<Readiness>;
  readonly rates: { readonly tokens: RateLimit; readonly publishes: RateLimit };
  readonly limits: RegistryLimits;
  readonly now: () => number;
}

export interface RegistryOptions extends StorageOptions {
  /**
   * `users` (default): who may do what is said by the users, namespaces and tokens of the database. `open`: everybody
   * may publish, which is for one machine, and only for a database without users.
   */
  readonly access?: "users" | "open";
  /** What clients reach it by, where that is not the address of their requests: `https://registry.example.org`. */
  readonly publicUrl?: string;
  readonly limits?: Partial<RegistryLimits>;
  readonly collect?: Partial<CollectSettings>;
  /** Blobs of this size or more are fetched from S3 by the client itself, by a redirect. Default: none. */
  readonly redirectFromBytes?: number;
  /** The namespaces that are other registries'. Default: none. */
  readonly mirrors?: MirrorOptions;
  /** Answers `/metrics` to everybody. Default false: to users and tokens. */
  readonly openMetrics?: boolean;
  /** Lets webhooks lead to private networks, and by http to this machine. Default false. */
  readonly privateWebhooks?: boolean;
  /** How everything that is kept is read again. Default: it is not. */
  readonly scrub?: ScrubSettings;
  readonly now?: () => number;
  /** One call for each request that ended, of those that are `logged`. */
  readonly log?: (entry: LogEntry) => void;
  /** Which requests are told to `log`, by the status that they were answered with. Default: all. */
  readonly logged?: (status: number) => boolean;
  /** Told when work that no request asks for fails; it is tried again at its next time. */
  readonly onJobFailure?: (job: string, error: unknown) => void;
}

export interface LogEntry {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly status: number;
  readonly address: string;
  /** The user, with the token's id where it was a token. */
  readonly actor?: string;
  /** Of the body that was answered, where its length was known. */
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly error?: string;
}

/** A registry is a function from request to response; what listens is for the caller. */
export interface Registry {
  /** `address` is the client's, by which requests for tokens are counted. Default: `unknown`. */
  fetch(request: Request, address?: ClientAddress): Promise<Response>;
  /** From now on it does, at its times, what no request asks for. */
  startJobs(): void;
  /** Does one job to its end, whether it is due or not. Throws what it throws. */
  runJob(name: string): Promise<void>;
  /**
   * From now on it is not ready: no new requests should be sent to it. Those that come are served all the same. Jobs
   * begin no further step.
   */
  drain(): void;
  /** Lets jobs end the step that they are at, and what is being written to the database; nothing can be asked afterwards. */
  close(): Promise<void>;
}

const downloadsIntervalMs = 10_000;
const webhookTimeoutMs = 10_000;

/**
 * Opens a registry. Where it keeps something in a directory, one process at a time has that; on PostgreSQL and S3 any
 * number do, and commands beside them change accounts in the database. Throws `registry-server/locked`,
 * `registry-server/not-open` for a registry with users that is to be open, `registry-server/mirror-conflict` for a
 * namespace with content of its own that is to be a mirror, errors of the database and of files.
 */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { now = () => Date.now(), log, logged = () => true } = options;
  const logsAll = log !== undefined && options.logged === undefined;
  const { parts, jobs, start, close, drain } = await openParts(options, now, await openStorage(options));
  // Others may serve the same registry: their requests are told apart in the audit log, which they share.
  const replica = crypto.randomUUID().slice(0, 4);
  let count = 0;
  return {
    async fetch(request, address) {
      const startedAt = performance.now();
      const origin = new RequestOrigin(`${now().toString(36)}-${replica}-${(count++).toString(36)}`, address);
      // Before anything is waited for: who sends something may be gone before there is something to tell of them.
      if (logsAll || !isReading(request)) void origin.address;
      const target = readTarget(request.url);
      parts.metrics.begin();
      const { answer, error } = await respond(parts, request, target, origin, options);
      const response = toResponse(answer, origin.requestId);
      const { status } = response;
      const { method } = request;
      const route = routeName(target);
      const sentBytes = method === "HEAD" ? 0 : sentBytesOf(answer);
      const durationMs = performance.now() - startedAt;
      parts.metrics.end(route, method, status, durationMs, sentBytes);
      if (log === undefined || !logged(status)) return response;
      const { requestId, actor } = origin;
      log({
        requestId,
        method,
        path: target.pathname,
        route,
        status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        address: origin.address,
        ...(actor === undefined ? {} : { actor }),
        sentBytes,
        // Only what is our failure: what a client does wrong was told to the client.
        ...(error !== undefined && status >= 500 ? { error: describe(error) } : {}),
      });
      return response;
    },
    startJobs: start,
    runJob: (name) => jobs.run(name),
    drain,
    close,
  };
}

interface OpenRegistry {
  readonly parts: RegistryParts;
  readonly jobs: JobRunner;
  readonly start: () => void;
  readonly close: () => Promise<void>;
  readonly drain: () => void;
}

async function openParts(options: RegistryOptions, now: () => number, storage: Storage): Promise<OpenRegistry> {
  const { access = "users" } = options;
  const { database, objects } = storage;
  const limits = { ...defaultLimits, ...options.limits };
  const collect = { ...defaultCollectSettings, ...options.collect };
  const metrics = new Metrics(now());
  let draining = false;
  let jobs: JobRunner | undefined;
  let downloads: DownloadCounter | undefined;
  let webhooks: WebhookSender | undefined;
  let mirrors: Mirrors | undefined;
  const close = async (): Promise<void> => {
    await jobs?.stop();
    await webhooks?.stop();
    await downloads?.flush();
    await mirrors?.close();
    await storage.close();
  };
  try {
    const changes = new ChangeFeed(database);
    const changeWatch = new ChangeWatch({
      hasMore: (place) => changes.hasMore(place),
      maxWaiting: limits.maxWaiting,
      onFailure: (error) => options.onJobFailure?.("watch-changes", error),
    });
    const deliveries = new Deliveries(new AuditedDatabase(database, now));
    const { privateWebhooks = false } = options;
    const sender = new WebhookSender({
      deliveries,
      send: (message, signal) =>
        sendWebhook(message, { privateAddresses: privateWebhooks, timeoutMs: webhookTimeoutMs }, signal),
      now,
      random: () => Math.random(),
      onFailure: (error) => options.onJobFailure?.("deliver-webhooks", error),
    });
    webhooks = sender;
    const onAnnounced = (): void => {
      changeWatch.wake();
      sender.wake();
    };
    const accounts = createAccounts(database, now, onAnnounced);
    if (access === "open" && (await accounts.users.any()))
      throw registryError("registry-server/not-open", "the registry has users, so it is not open to everybody");
    const accessTokens = new AccessTokens(await ownSecret(database, "access-tokens"), serviceName(options), now);
    const failures = new RateLimit(limits.failedSignInsPerMinute, now);
    const failuresOfAddress = new RateLimit(10 * limits.failedSignInsPerMinute, now);
    const records = new SqlUploadRecords(database);
    const removals = new ObjectRemovals(database, objects, now);
    const metadata = new SqlMetadata(database, now, { promiseSlackMs: promiseSlackMs(collect.delayMs), onAnnounced });
    const jobMetrics = new JobMetrics(now);
    const scrubMetrics = new ScrubMetrics(new ScrubRecords(new AuditedDatabase(database, now), ""));
    downloads = new DownloadCounter({
      metadata,
      intervalMs: downloadsIntervalMs,
      onFailure: (error) => options.onJobFailure?.("count-downloads", error),
    });
    const redirectFromBytes = options.redirectFromBytes ?? Number.POSITIVE_INFINITY;
    mirrors = await openMirrors({
      options: options.mirrors ?? { rules: [] },
      database,
      dataDirectory: options.dataDirectory,
      s3: options.s3,
      maxBlobBytes: limits.maxBlobBytes,
      redirectFromBytes,
      onFailure: (error) => options.onJobFailure?.("keep-mirrored", error),
      now,
    });
    const mirrored = mirrors;
    const counts = new CollectCounts();
    const audited = new AuditedDatabase(database, now, onAnnounced);
    const collecting = { database: audited, storage: objects, removals, counts, settings: collect, now };
    const parts: RegistryParts = {
      metadata,
      objects,
      redirectFromBytes,
      uploads: new Uploads({
        storage: objects,
        untilFree: (object) => removals.untilFree(object),
        records: objects.shared ? records : new LocalUploadRecords(records),
        maxBlobBytes: limits.maxBlobBytes,
        onBytes: (bytes) => metrics.receive(bytes),
        now,
      }),
      downloads,
      changes,
      changeWatch,
      deliveries,
      privateWebhooks,
      mirrors,
      accounts,
      authenticator: new Authenticator({
        accounts,
        accessTokens,
        failures,
        failuresOfAddress,
        open: access === "open",
      }),
      accessTokens,
      gate: new Gate(accounts, (namespace) => mirrored?.factsOf(namespace)),
      issuerKeys: new IssuerKeys(accounts.publishers, now),
      signIn: new SignIn(await ownSecret(database, "sign-in"), database, now),
      rates: {
        tokens: new RateLimit(limits.tokensPerMinute, now),
        publishes: new RateLimit(limits.publishesPerMinute, now),
      },
      metrics,
      metricSources: [
        jobMetrics,
        scrubMetrics,
        new CollectMetrics(database, counts, now),
        new WebhookMetrics(deliveries, sender),
        ...(mirrors?.metricSources ?? []),
      ],
      collector: new Collector(collecting),
      sweep: new Sweep(collecting),
      collect,
      openMetrics: options.openMetrics ?? false,
      readiness: () => checkReadiness(metadata, objects, draining),
      limits,
      now,
    };
    const { scrub, onJobFailure: onFailure = () => undefined } = options;
    const scrubbing =
      scrub?.everyMs === undefined
        ? []
        : [scrubJob(scrub.everyMs, scrub.bytesPerSecond, { database, objects, metrics: scrubMetrics, now, onFailure })];
    const runner = createJobRunner([...jobsOf(parts), ...scrubbing], database, jobMetrics, options, now);
    jobs = runner;
    const drain = (): void => {
      draining = true;
      changeWatch.end();
      runner.drain();
    };
    const start = (): void => {
      runner.start();
      sender.start();
    };
    return { parts, jobs: runner, start, close, drain };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a registry does without being asked. */
function jobsOf(parts: RegistryParts): readonly Job[] {
  const { uploads, changes, deliveries, limits, mirrors, collector, sweep, collect, now } = parts;
  return [
    expireUploads(uploads, limits.uploadExpiryMs),
    forgetChanges(changes, limits.changesKeptMs, now),
    forgetDeliveries(deliveries, now),
    collectGarbage(collector, collect.intervalMs),
    sweepOrphans(sweep),
    ...(mirrors?.jobs ?? []),
  ];
}

function createJobRunner(
  jobs: readonly Job[],
  database: Database,
  metrics: JobMetrics,
  { onJobFailure = () => undefined }: RegistryOptions,
  now: () => number,
): JobRunner {
  return new JobRunner(jobs, {
    leases: new JobLeases(database, crypto.randomUUID(), now),
    metrics,
    // Nothing that waits for a job keeps a process from ending.
    sleep: (durationMs, signal) => sleep(durationMs, undefined, { signal, ref: false }),
    random: () => Math.random(),
    onFailure: onJobFailure,
  });
}

/** The audience of access tokens. */
function serviceName({ publicUrl }: RegistryOptions): string {
  return publicUrl === undefined ? "cpm-registry" : new URL(publicUrl).host;
}

/** A realm is absolute by its specification. Behind a proxy only `publicUrl` tells how clients say it. */
function tokenService(options: RegistryOptions, request: Request): TokenService {
  // When it is asked for: few answers name it, and the address of every request would be parsed once more.
  return {
    get realm() {
      return new URL("/token", options.publicUrl ?? request.url).href;
    },
    get service() {
      return serviceName(options);
    },
  };
}

async function respond(
  parts: RegistryParts,
  request: Request,
  target: RequestTarget,
  origin: Origin,
  options: RegistryOptions,
): Promise<{ readonly answer: Response | PlainAnswer; readonly error?: unknown }> {
  const tokens = tokenService(options, request);
  try {
    return { answer: await handleRequest(parts, request, target, origin, tokens) };
  } catch (error) {
    const response = errorResponse(error, origin.requestId, tokens);
    if (!wantsPage(request)) return { answer: response, error };
    return { answer: await toErrorPage(response, request, hostOf(tokens), options.access !== "open"), error };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${isCpmError(error) ? `[${error.code}] ` : ""}${error.stack ?? error.message}`;
}
