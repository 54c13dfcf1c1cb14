import { setTimeout as sleep } from "node:timers/promises";
import { AccessTokens } from "./access/access-token.ts";
import { createAccounts, ownSecret } from "./access/accounts.ts";
import type { Accounts } from "./access/accounts.ts";
import { AuditedDatabase } from "./access/audited-database.ts";
import { Authenticator } from "./access/authenticator.ts";
import { Gate } from "./access/gate.ts";
import { IssuerKeys } from "./access/issuer-keys.ts";
import { RateLimit } from "./access/rate-limit.ts";
import { SignIn } from "./access/sign-in.ts";
import { ChangeFeed } from "./changes/change-feed.ts";
import { ChangeWatch } from "./changes/change-watch.ts";
import { forgetChanges } from "./changes/forget-changes.ts";
import { CollectCounts } from "./collect/collect-counts.ts";
import { collectGarbage, sweepOrphans } from "./collect/collect-jobs.ts";
import { CollectMetrics } from "./collect/collect-metrics.ts";
import { defaultCollectSettings, promiseSlackMs } from "./collect/collect-settings.ts";
import { Collector } from "./collect/collector.ts";
import { Sweep } from "./collect/sweep.ts";
import { DownloadCounter } from "./downloads/download-counter.ts";
import { registryError } from "./errors.ts";
import { expireUploads } from "./jobs/expire-uploads.ts";
import type { Job } from "./jobs/job.ts";
import { JobLeases } from "./jobs/job-leases.ts";
import { JobMetrics } from "./jobs/job-metrics.ts";
import { JobRunner } from "./jobs/job-runner.ts";
import { defaultLimits } from "./limits.ts";
import type { RegistryLimits } from "./limits.ts";
import { SqlMetadata } from "./metadata/sql-metadata.ts";
import { openMirrors } from "./mirror/mirrors.ts";
import type { Mirrors } from "./mirror/mirrors.ts";
import { LocalUploadRecords } from "./objects/local-upload-records.ts";
import { ObjectRemovals } from "./objects/object-removals.ts";
import { SqlUploadRecords } from "./objects/sql-upload-records.ts";
import type { MetricSource } from "@cpm/service";
import { Metrics } from "./operation/metrics.ts";
import { checkReadiness } from "./operation/readiness.ts";
import type { RegistryOptions } from "./registry-options.ts";
import type { RegistryParts } from "./registry-parts.ts";
import { scrubJob } from "./scrub/scrub-job.ts";
import { ScrubMetrics } from "./scrub/scrub-metrics.ts";
import { ScrubRecords } from "./scrub/scrub-records.ts";
import { serviceName } from "./service-name.ts";
import type { Storage } from "./storage.ts";
import { Uploads } from "./uploads.ts";
import { Deliveries } from "./webhooks/deliveries.ts";
import { forgetDeliveries } from "./webhooks/forget-deliveries.ts";
import { sendWebhook } from "./webhooks/send-webhook.ts";
import { WebhookMetrics } from "./webhooks/webhook-metrics.ts";
import { WebhookSender } from "./webhooks/webhook-sender.ts";

/** What the routes work with, and how it is begun and ended. */
export interface OpenParts {
  readonly parts: RegistryParts;
  readonly jobs: JobRunner;
  /** Begins what no request asks for. */
  readonly start: () => void;
  readonly drain: () => void;
  readonly close: () => Promise<void>;
}

/** What everything is made of. */
interface Ground {
  readonly options: RegistryOptions;
  readonly storage: Storage;
  readonly limits: RegistryLimits;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Told of work that no request asked for, by its name. */
  readonly onFailure: (work: string, error: unknown) => void;
}

/** What a department does without being asked, and what it tells of that. */
interface Work {
  readonly jobs: readonly Job[];
  readonly metricSources: readonly MetricSource[];
}

/** A part of the registry, with what its routes need of it. */
interface Department<Parts> extends Work {
  readonly parts: Parts;
}

const downloadsIntervalMs = 10_000;
const webhookTimeoutMs = 10_000;

/** Wires a registry on its storage, which it closes in the end, and when it cannot be opened. */
export async function openParts(options: RegistryOptions, now: () => number, storage: Storage): Promise<OpenParts> {
  const { onJobFailure: onFailure = () => undefined } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const ground: Ground = { options, storage, limits, metrics: new Metrics(now()), now, onFailure };
  const ends: (() => Promise<void>)[] = [() => storage.close()];
  const close = async (): Promise<void> => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    const opened = await openDepartments(ground, ends);
    ends.push(() => opened.jobs.stop());
    return { ...opened, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What has to be ended is put among `ends` as soon as it is open. */
async function openDepartments(ground: Ground, ends: (() => Promise<void>)[]): Promise<Omit<OpenParts, "close">> {
  const { options, storage, limits, metrics, now } = ground;
  const news = createNews(ground);
  const { changeWatch, sender, onAnnounced } = news;
  const accounts = createAccounts(storage.database, now, onAnnounced);
  if (options.access === "open" && (await accounts.users.any()))
    throw registryError("registry-server/not-open", "the registry has users, so it is not open to everybody");
  const content = createContent(ground, onAnnounced);
  ends.push(() => content.parts.downloads.flush());
  const mirrors = await openMirrorsOf(ground, content.parts.redirectFromBytes);
  if (mirrors !== undefined) ends.push(() => mirrors.close());
  ends.push(() => sender.stop());
  const scrubbing = createScrubbing(ground);
  const jobMetrics = new JobMetrics(now);
  const departments: readonly Work[] = [news, content, scrubbing, ...(mirrors === undefined ? [] : [mirrors])];
  let draining = false;
  const parts: RegistryParts = {
    ...news.parts,
    ...content.parts,
    ...(await createAccess(ground, accounts, mirrors)),
    mirrors,
    metrics,
    metricSources: [jobMetrics, ...departments.flatMap(({ metricSources }) => metricSources)],
    openMetrics: options.openMetrics ?? false,
    readiness: () => checkReadiness(content.parts.metadata, storage.objects, draining),
    limits,
    now,
  };
  const runner = createJobRunner(
    departments.flatMap(({ jobs }) => jobs),
    jobMetrics,
    ground,
  );
  return {
    parts,
    jobs: runner,
    start() {
      runner.start();
      sender.start();
    },
    drain() {
      draining = true;
      changeWatch.end();
      runner.drain();
    },
  };
}

type NewsParts = Pick<RegistryParts, "changes" | "changeWatch" | "deliveries" | "privateWebhooks">;
interface News extends Department<NewsParts> {
  readonly changeWatch: ChangeWatch;
  readonly sender: WebhookSender;
  /** To be called after a change of which readers of the feed and webhooks are told. */
  readonly onAnnounced: () => void;
}

/** What tells others of changes: the feed and webhooks. */
function createNews({ options, storage: { database }, limits, now, onFailure }: Ground): News {
  const { privateWebhooks = false } = options;
  const changes = new ChangeFeed(database);
  const changeWatch = new ChangeWatch({
    hasMore: (place) => changes.hasMore(place),
    maxWaiting: limits.maxWaiting,
    maxWaitingOfAddress: limits.maxWaitingOfAddress,
    onFailure: (error) => onFailure("watch-changes", error),
  });
  const deliveries = new Deliveries(new AuditedDatabase(database, now));
  const sender = new WebhookSender({
    deliveries,
    send: (message, signal) =>
      sendWebhook(message, { privateAddresses: privateWebhooks, timeoutMs: webhookTimeoutMs }, signal),
    now,
    random: () => Math.random(),
    onFailure: (error) => onFailure("deliver-webhooks", error),
  });
  return {
    parts: { changes, changeWatch, deliveries, privateWebhooks },
    jobs: [forgetChanges(changes, limits.changesKeptMs, now), forgetDeliveries(deliveries, now)],
    metricSources: [new WebhookMetrics(deliveries, sender)],
    changeWatch,
    sender,
    onAnnounced() {
      changeWatch.wake();
      sender.wake();
    },
  };
}

type ContentParts = Pick<RegistryParts, "metadata" | "objects" | "uploads" | "downloads" | "redirectFromBytes">;

/** What is pushed and pulled, and what becomes of it when nothing needs it any more. */
function createContent(
  { options, storage, limits, metrics, now, onFailure }: Ground,
  onAnnounced: () => void,
): Department<ContentParts> {
  const { database, objects } = storage;
  const collect = { ...defaultCollectSettings, ...options.collect };
  const records = new SqlUploadRecords(database);
  const removals = new ObjectRemovals(database, objects, now);
  const metadata = new SqlMetadata(database, now, { promiseSlackMs: promiseSlackMs(collect.delayMs), onAnnounced });
  const counts = new CollectCounts();
  const audited = new AuditedDatabase(database, now, onAnnounced);
  const collecting = { database: audited, storage: objects, removals, counts, settings: collect, now };
  const uploads = new Uploads({
    storage: objects,
    untilFree: (object) => removals.untilFree(object),
    records: objects.shared ? records : new LocalUploadRecords(records),
    maxBlobBytes: limits.maxBlobBytes,
    onBytes: (bytes) => metrics.receive(bytes),
    now,
  });
  const downloads = new DownloadCounter({
    metadata,
    intervalMs: downloadsIntervalMs,
    onFailure: (error) => onFailure("count-downloads", error),
  });
  const { redirectFromBytes = Number.POSITIVE_INFINITY } = options;
  return {
    parts: { metadata, objects, uploads, downloads, redirectFromBytes },
    jobs: [
      expireUploads(uploads, limits.uploadExpiryMs),
      collectGarbage(new Collector(collecting), collect.intervalMs),
      sweepOrphans(new Sweep(collecting)),
    ],
    metricSources: [new CollectMetrics(database, counts, now)],
  };
}

function openMirrorsOf(
  { options, storage, limits, now, onFailure }: Ground,
  redirectFromBytes: number,
): Promise<Mirrors | undefined> {
  return openMirrors({
    options: options.mirrors ?? { rules: [] },
    database: storage.database,
    dataDirectory: options.dataDirectory,
    s3: options.s3,
    maxBlobBytes: limits.maxBlobBytes,
    redirectFromBytes,
    onFailure: (error) => onFailure("keep-mirrored", error),
    now,
  });
}

type AccessParts = Pick<
  RegistryParts,
  "accounts" | "authenticator" | "accessTokens" | "gate" | "issuerKeys" | "signIn" | "rates"
>;

/** Who somebody is, and what they may do. */
async function createAccess(
  { options, storage: { database }, limits, now }: Ground,
  accounts: Accounts,
  mirrors: Mirrors | undefined,
): Promise<AccessParts> {
  const accessTokens = new AccessTokens(await ownSecret(database, "access-tokens"), serviceName(options), now);
  return {
    accounts,
    accessTokens,
    authenticator: new Authenticator({
      accounts,
      accessTokens,
      failures: new RateLimit(limits.failedSignInsPerMinute, now),
      failuresOfAddress: new RateLimit(10 * limits.failedSignInsPerMinute, now),
      open: options.access === "open",
    }),
    gate: new Gate(accounts, (namespace) => mirrors?.factsOf(namespace)),
    issuerKeys: new IssuerKeys(accounts.publishers, now),
    signIn: new SignIn(await ownSecret(database, "sign-in"), database, now),
    rates: {
      tokens: new RateLimit(limits.tokensPerMinute, now),
      publishes: new RateLimit(limits.publishesPerMinute, now),
    },
  };
}

/** What reads everything again that is kept, where that is wanted. What commands found is told in any case. */
function createScrubbing({ options, storage, now, onFailure }: Ground): Work {
  const { database, objects } = storage;
  const metrics = new ScrubMetrics(new ScrubRecords(new AuditedDatabase(database, now), ""));
  const { everyMs, bytesPerSecond = 0 } = options.scrub ?? {};
  const work = { database, objects, metrics, now, onFailure };
  return {
    jobs: everyMs === undefined ? [] : [scrubJob(everyMs, bytesPerSecond, work)],
    metricSources: [metrics],
  };
}

function createJobRunner(jobs: readonly Job[], metrics: JobMetrics, { storage, now, onFailure }: Ground): JobRunner {
  return new JobRunner(jobs, {
    leases: new JobLeases(storage.database, crypto.randomUUID(), now),
    metrics,
    // Nothing that waits for a job keeps a process from ending.
    sleep: (durationMs, signal) => sleep(durationMs, undefined, { signal, ref: false }),
    random: () => Math.random(),
    onFailure,
  });
}
