import type { Job } from "../jobs/job.ts";
import type { Deliveries } from "./deliveries.ts";

const intervalMs = 60 * 60_000;
const keptMs = 30 * 24 * 60 * 60_000;

/** Ends what owners can read of what was delivered. */
export function forgetDeliveries(deliveries: Deliveries, now: () => number): Job {
  return {
    name: "forget-deliveries",
    intervalMs,
    async step() {
      return (await deliveries.forget(now() - keptMs)) ? "more" : "done";
    },
  };
}
