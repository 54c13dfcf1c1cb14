import type { ScrubProgress } from "./scrub-state.ts";

/** Something that is kept: `blobs/sha256/<hex>` or `trees/sha256/<hex>`. */
export type KeptName = string;

/** Before every name, so that a round begins with the first. */
const beginning = "";

/**
 * What is to be read now. A round goes on where it stood, however long ago that was; the next begins when `everyMs` have
 * passed since this one began. A node that was never read has its first round after that time: what it has was verified
 * when it came. A round that began in the future was begun by a clock that was set since, and counts as begun now.
 */
export function planScrub(progress: ScrubProgress | undefined, nowMs: number, everyMs: number): ScrubProgress {
  if (progress === undefined) return { startedAtMs: nowMs, after: undefined, damaged: [] };
  const startedAtMs = Math.min(progress.startedAtMs, nowMs);
  const due = progress.after === undefined && nowMs - startedAtMs >= everyMs;
  return due ? { ...progress, startedAtMs: nowMs, after: beginning } : { ...progress, startedAtMs };
}

/** The names that are left of a round, in the order in which they are read. */
export function leftOfRound(names: readonly KeptName[], { after }: ScrubProgress): readonly KeptName[] {
  return after === undefined ? [] : names.filter((name) => name > after).toSorted();
}
