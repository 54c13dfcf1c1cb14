import type { Job } from "../jobs/job.ts";
import type { ChangeFeed } from "./change-feed.ts";

const intervalMs = 60 * 60_000;

/** Ends what the feed keeps after so long. */
export function forgetChanges(changes: ChangeFeed, keptMs: number, now: () => number): Job {
  return {
    name: "forget-changes",
    intervalMs,
    async step() {
      return (await changes.forget(now() - keptMs)) ? "more" : "done";
    },
  };
}
