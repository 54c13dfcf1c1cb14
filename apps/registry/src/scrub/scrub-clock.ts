import { setTimeout as sleep } from "node:timers/promises";

/** The time as a parameter. */
export interface ScrubClock {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Resolves after so many milliseconds; rejects when the signal is aborted first. */
  readonly sleep: (durationMs: number, signal?: AbortSignal) => Promise<unknown>;
}

/** Pauses by the machine's clock. */
export function scrubClock(now: () => number): ScrubClock {
  return { now, sleep: (durationMs, signal) => sleep(durationMs, undefined, signal === undefined ? {} : { signal }) };
}
