import { formatBytes } from "@cpm/base";
import { AuditedDatabase } from "../access/audited-database.ts";
import { contentLost, registryError } from "../errors.ts";
import { ByteRate } from "../scrub/byte-rate.ts";
import { scrubClock } from "../scrub/scrub-clock.ts";
import { progressOf } from "../scrub/scrub-metrics.ts";
import { ScrubRecords } from "../scrub/scrub-records.ts";
import type { Damage, ScrubStatus } from "../scrub/scrub-records.ts";
import { Scrubber } from "../scrub/scrubber.ts";
import type { ScrubEnd } from "../scrub/scrubber.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { printResult } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { withContent } from "./stored-content.ts";
import type { StoredContent } from "./stored-content.ts";

export const scrubUsage = "scrub [--restart | --status | --list] [the flags of serve] [--json]";

const flags = { restart: { type: "boolean" }, status: { type: "boolean" }, list: { type: "boolean" } } as const;
const damagesAtOnce = 1000;

/**
 * Reads everything again that a registry keeps, to the end of the pass that is under way, and fails when something is
 * damaged. A server's own pass is taken over; it goes on with the next.
 */
export async function scrub(args: readonly string[], io: CommandIo): Promise<void> {
  const { settings, values } = registrySettings.readWith(flags, args, io.environment);
  const options = toServeOptions(settings, io.tell);
  await withContent(options, async (content) => {
    const database = new AuditedDatabase(content.database, io.now);
    const records = new ScrubRecords(database, `command:${crypto.randomUUID()}`);
    if (values.list === true) return printDamages(records, values.json, io);
    if (values.status !== true) {
      const end = await runPass(content, records, options.scrub.bytesPerSecond, values.restart === true, io);
      if (end === "busy") throw registryError("registry-server/scrub-busy", "another process scrubs, or took over");
    }
    return printStatus(await records.status(), await records.countDamages(), values.json, io);
  });
}

/** A signal stops it where it is. */
async function runPass(
  { objects }: StoredContent,
  records: ScrubRecords,
  bytesPerSecond: number,
  restart: boolean,
  io: CommandIo,
): Promise<ScrubEnd> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGTERM", onSignal).once("SIGINT", onSignal);
  const clock = scrubClock(io.now);
  const scrubber = new Scrubber({
    records,
    objects,
    rate: new ByteRate(bytesPerSecond, clock),
    clock,
    onDamage: ({ kind, digest }, finding) => io.tell(`damaged: ${kind} ${digest} (${finding})\n`),
    onUnreadable: ({ kind, digest }, error) =>
      io.tell(`unreadable: ${kind} ${digest}: ${error instanceof Error ? error.message : String(error)}\n`),
  });
  try {
    return await scrubber.run({ restart, signal: stop.signal });
  } finally {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
  }
}

function printStatus(status: ScrubStatus, damaged: number, json: boolean | undefined, io: CommandIo): void {
  const { pass, last, counts } = status;
  const { contents, hashedBytes, unreadable } = counts;
  const lines = [
    whereItStands(status),
    `${contents} contents (${formatBytes(hashedBytes)}) were read, ${unreadable} could not be`,
    `${damaged} are gone or damaged`,
  ];
  const progress = pass === undefined ? null : progressOf(pass);
  printResult(io, json, { progress, last: last ?? null, ...counts, damaged }, lines);
  if (damaged > 0) throw contentLost(`${damaged} blobs or manifests are gone or damaged`);
}

function whereItStands({ pass, last }: ScrubStatus): string {
  if (pass !== undefined) return `the pass stands at ${Math.floor(progressOf(pass) * 100)} %`;
  return last === undefined
    ? "no pass has begun yet"
    : `the last pass ended at ${new Date(last.endedAtMs).toISOString()}`;
}

async function printDamages(records: ScrubRecords, json: boolean | undefined, io: CommandIo): Promise<void> {
  const found: Damage[] = [];
  for (let page = await records.damages(undefined, damagesAtOnce); page.length > 0;) {
    found.push(...page);
    page = await records.damages(page.at(-1), damagesAtOnce);
  }
  const lines = found.map(({ digest, repository, finding, foundAtMs, keptAs }) =>
    [digest, repository ?? "-", finding, new Date(foundAtMs).toISOString(), keptAs ?? "-"].join("  "),
  );
  printResult(io, json, { damages: found }, lines);
}
