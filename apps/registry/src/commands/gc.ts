import { formatBytes, parseDuration } from "@cpm/base";
import { AuditedDatabase } from "../access/audited-database.ts";
import { CollectCounts } from "../collect/collect-counts.ts";
import type { CollectSettings } from "../collect/collect-settings.ts";
import { Collector } from "../collect/collector.ts";
import { Sweep } from "../collect/sweep.ts";
import { ObjectRemovals } from "../objects/object-removals.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { printResult } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { withContent } from "./stored-content.ts";
import type { StoredContent } from "./stored-content.ts";
import { UsageError } from "@cpm/service";

export const gcUsage = "gc [--dry-run] [--delay DURATION] [the flags of serve] [--json]";

const pauseMs = 5;
const flags = { "dry-run": { type: "boolean" }, delay: { type: "string" } } as const;

/**
 * Collects what is due, and finds what no event told of, as a server does in the course of a day; or says what that
 * would take. `--delay` is for this once. A signal ends it after the step that it is at.
 */
export async function gc(args: readonly string[], io: CommandIo): Promise<void> {
  const { settings, values } = registrySettings.readWith(flags, args, io.environment);
  const options = toServeOptions(settings, io.tell);
  const collect = { ...options.collect, delayMs: delayOf(values.delay) ?? options.collect.delayMs };
  await withContent(options, async (content) => {
    const work = openCollection(content, collect, io.now);
    if (values["dry-run"] === true) await printPlan(work, values.json, io);
    else await collectAll(work, values.json, io);
  });
}

interface Collection {
  readonly collector: Collector;
  readonly sweep: Sweep;
  readonly counts: CollectCounts;
}

function openCollection(content: StoredContent, settings: CollectSettings, now: () => number): Collection {
  const database = new AuditedDatabase(content.database, now);
  const removals = new ObjectRemovals(content.database, content.objects, now);
  const counts = new CollectCounts();
  const parts = { database, storage: content.objects, removals, counts, settings, now };
  return { collector: new Collector(parts), sweep: new Sweep(parts), counts };
}

async function collectAll(
  { collector, sweep, counts }: Collection,
  json: boolean | undefined,
  io: CommandIo,
): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGTERM", onSignal).once("SIGINT", onSignal);
  const repeat = async (step: () => Promise<"more" | "done">): Promise<void> => {
    // A server beside it writes in between.
    while (!stop.signal.aborted && (await step()) === "more") await Bun.sleep(pauseMs);
  };
  try {
    // Orphans that were found are removed by the second round.
    for (const step of [() => collector.step(), () => sweep.step(), () => collector.step()]) await repeat(step);
  } finally {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  }
  const { manifests, blobs, objects, bytes, orphans } = counts.total;
  printResult(io, json, { dryRun: false, manifests, blobs, objects, bytes, orphans }, [
    `${manifests} manifests and ${blobs} blobs were collected, and ${orphans} objects of no blob`,
    `${objects} objects (${formatBytes(bytes)}) were removed`,
  ]);
}

async function printPlan({ collector, sweep }: Collection, json: boolean | undefined, io: CommandIo): Promise<void> {
  const { manifests, blobs } = await collector.plan();
  const orphans = await sweep.plan();
  const bytes = [...blobs, ...orphans].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const lines = [
    ...manifests.map(({ repository, digest }) => `manifest  ${digest}  ${repository}`),
    ...blobs.map(({ digest, sizeBytes }) => `blob  ${digest}  ${formatBytes(sizeBytes)}`),
    ...orphans.map(({ object, sizeBytes }) => `object  ${object}  ${formatBytes(sizeBytes)}`),
    `${manifests.length} manifests, ${blobs.length} blobs and ${orphans.length} objects of no blob would go (${formatBytes(bytes)})`,
  ];
  printResult(io, json, { dryRun: true, manifests, blobs, orphans, bytes }, lines);
}

function delayOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const delayMs = parseDuration(text);
  if (delayMs === undefined)
    throw new UsageError(`--delay is "${text.slice(0, 100)}", which is not a duration such as 24h`);
  return delayMs;
}
