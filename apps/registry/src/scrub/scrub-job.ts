import { AuditedDatabase } from "../access/audited-database.ts";
import type { Database } from "../database/database.ts";
import { contentLost } from "../errors.ts";
import type { Job } from "../jobs/job.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { ByteRate } from "./byte-rate.ts";
import { scrubClock } from "./scrub-clock.ts";
import type { ScrubMetrics } from "./scrub-metrics.ts";
import { ScrubRecords } from "./scrub-records.ts";
import { Scrubber } from "./scrubber.ts";

/** How everything that is kept is read again. */
export interface ScrubSettings {
  readonly bytesPerSecond: number;
  /** A pass begins so long after the last one began. Undefined: only when a command begins one. */
  readonly everyMs: number | undefined;
}

export interface ScrubJobParts {
  readonly database: Database;
  readonly objects: ObjectStorage;
  readonly metrics: ScrubMetrics;
  readonly now: () => number;
  /** Told of each content that was found damaged or could not be read. */
  readonly onFailure: (job: string, error: unknown) => void;
}

const name = "scrub";
/** How often it is looked whether a pass is due. */
const lookIntervalMs = 60 * 60_000;
const stepMs = 10_000;

/** A pass at its times; one that was broken off is gone on with. */
export function scrubJob(
  everyMs: number,
  bytesPerSecond: number,
  { database, objects, metrics, now, onFailure }: ScrubJobParts,
): Job {
  const clock = scrubClock(now);
  const records = new ScrubRecords(new AuditedDatabase(database, now), `job:${crypto.randomUUID()}`);
  const scrubber = new Scrubber({
    records,
    objects,
    rate: new ByteRate(bytesPerSecond, clock),
    clock,
    onHashed: (bytes) => metrics.hashed(bytes),
    onDamage: ({ kind, digest }, finding) =>
      onFailure(name, contentLost(`the bytes of ${kind} ${digest} are ${finding}`)),
    onUnreadable: (_, error) => {
      metrics.unreadable();
      onFailure(name, error);
    },
  });
  return {
    name,
    intervalMs: lookIntervalMs,
    async step(signal) {
      const { pass, last } = await records.status();
      const due = pass !== undefined || last === undefined || last.startedAtMs + everyMs <= now();
      if (!due) return "done";
      return (await scrubber.run({ maxMs: stepMs, signal })) === "stopped" ? "more" : "done";
    },
  };
}
