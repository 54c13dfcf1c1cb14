import type { Job } from "../jobs/job.ts";
import type { Collector } from "./collector.ts";
import type { Sweep } from "./sweep.ts";

const sweepIntervalMs = 24 * 60 * 60_000;

export function collectGarbage(collector: Collector, intervalMs: number): Job {
  return { name: "collect-garbage", intervalMs, step: () => collector.step() };
}

export function sweepOrphans(sweep: Sweep): Job {
  return { name: "sweep-orphans", intervalMs: sweepIntervalMs, step: () => sweep.step() };
}
