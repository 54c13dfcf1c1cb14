import type { Job } from "../jobs/job.ts";
import type { ScrubRecords } from "./scrub-records.ts";
import type { Scrubber } from "./scrubber.ts";

/** How often it is looked whether a pass is due. */
const lookIntervalMs = 60 * 60_000;
const stepMs = 10_000;

/** Reads everything again, a pass each time so long after the last one began. One that was broken off is gone on with. */
export function scrubJob(scrubber: Scrubber, records: ScrubRecords, everyMs: number, now: () => number): Job {
  return {
    name: "scrub",
    intervalMs: lookIntervalMs,
    async step(signal) {
      const { pass, lastStartedAtMs } = await records.status();
      const due = pass !== undefined || lastStartedAtMs === undefined || lastStartedAtMs + everyMs <= now();
      if (!due) return "done";
      return (await scrubber.run({ maxMs: stepMs, signal })) === "stopped" ? "more" : "done";
    },
  };
}
