import type { Job } from "../jobs/job.ts";
import type { CachedObjects } from "./cached-objects.ts";
import type { MirrorMetrics } from "./mirror-metrics.ts";
import type { CacheEntry, MirrorRecords } from "./mirror-records.ts";
import type { MirrorUses } from "./mirror-uses.ts";

export interface EvictionParts {
  readonly records: MirrorRecords;
  readonly cached: CachedObjects;
  readonly uses: MirrorUses;
  readonly metrics: MirrorMetrics;
  /** Of blobs, manifests and answers together. */
  readonly maxBytes: number;
  /** What nobody asked for within this time leaves. */
  readonly maxAgeMs: number;
  readonly now: () => number;
}

const intervalMs = 60_000;
const atOnce = 200;

/**
 * Lets what was not used for the longest time leave the mirror's cache, until the rest is within its limits; and
 * removes objects that left a while ago, and what crashes left.
 */
export function evictMirrored(parts: EvictionParts): Job {
  const { records, cached, uses, metrics, maxBytes, maxAgeMs, now } = parts;
  return {
    name: "evict-mirrored",
    intervalMs,
    async step() {
      await uses.flush();
      const overBytes = (await records.totalBytes()) - maxBytes;
      const leaving = chooseLeaving(await records.leastUsed(atOnce), overBytes, now() - maxAgeMs);
      for (const { sizeBytes } of await records.evict(leaving, now())) metrics.evict(sizeBytes);
      const removed = (await cached.removeDeparted(atOnce)) && (await cached.removeLost(atOnce));
      return leaving.length === atOnce || !removed ? "more" : "done";
    },
  };
}

/** Of entries in the order of their last use: those that are too old, and as many as are too much. */
export function chooseLeaving(
  entries: readonly CacheEntry[],
  overBytes: number,
  usedBeforeMs: number,
): readonly CacheEntry[] {
  let leftBytes = 0;
  const stays = entries.findIndex(({ usedAtMs, sizeBytes }) => {
    if (usedAtMs >= usedBeforeMs && leftBytes >= overBytes) return true;
    leftBytes += sizeBytes;
    return false;
  });
  return stays === -1 ? entries : entries.slice(0, stays);
}
