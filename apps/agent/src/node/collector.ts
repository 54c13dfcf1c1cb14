import { join } from "node:path";
import { digestHex } from "@cpm/base";
import { tryExclusiveLock } from "@cpm/system";
import { collectTrees } from "./collect-trees.ts";
import type { CollectParts, CollectRequest, CollectResult } from "./collect-trees.ts";
import { excessBytes } from "./plan-collection.ts";
import type { DiskUse } from "./disk-use.ts";
import type { WaterMarks } from "./plan-collection.ts";

export interface CollectorParts {
  readonly collection: CollectParts;
  /** Undefined: the disk may become full. */
  readonly waterMarks: WaterMarks | undefined;
  readonly diskUse: () => DiskUse;
  readonly onCollected: (result: CollectResult) => void;
  /** Told when the disk stays fuller than the high mark, and what was kept. */
  readonly onPressure: (wantedBytes: number, result: CollectResult) => void;
  readonly onFailure: (error: unknown) => void;
}

const sweepEveryMs = 3_600_000;

/** Collects when it is asked and by itself, one collection after the other. */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #ending = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #tending: Promise<void> | undefined;
  /** When nothing was left of files that no tree has. */
  #sweptAtMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  collect(request: Omit<CollectRequest, "signal">): Promise<CollectResult> {
    const { signal } = this.#ending;
    const collecting = this.#last.then(() => collectTrees(this.#parts.collection, { ...request, signal }));
    this.#last = collecting.catch(() => undefined);
    return collecting.then((result) => {
      if (!request.dryRun) this.#parts.onCollected(result);
      return result;
    });
  }

  /** Removes what is due for its age, and where the disk is fuller than the high mark, so much that it is below the low one. */
  async tend(): Promise<void> {
    const { waterMarks, diskUse, onPressure } = this.#parts;
    this.#noteUse();
    await this.#sweep();
    await this.collect({ dryRun: false });
    const wantedBytes = waterMarks === undefined ? 0 : excessBytes(diskUse(), waterMarks);
    if (wantedBytes === 0) return;
    const result = await this.collect({ freeBytes: wantedBytes, dryRun: false });
    if (result.freedBytes < wantedBytes) onPressure(wantedBytes, result);
  }

  /** Tends at once, for a disk that is full already, and from then on at each interval unless it still does. */
  start(everyMs: number): void {
    const tend = (): void => {
      this.#tending ??= this.tend()
        .catch(this.#parts.onFailure)
        .finally(() => (this.#tending = undefined));
    };
    this.#timer = setInterval(tend, everyMs);
    tend();
  }

  /** Ends after the tree that is being removed. When it resolves, no collection runs and none begins. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#tending;
    await this.#last;
  }

  /** What a crash left, or another program of this directory, shows in no tree. */
  async #sweep(): Promise<void> {
    const { sharedFiles, now } = this.#parts.collection;
    if (Math.abs(now() - this.#sweptAtMs) < sweepEveryMs) return;
    this.#sweptAtMs = now();
    await sharedFiles.sweep();
  }

  /** Whoever found a tree by the file system told nobody: that it is locked is how its use is seen. */
  #noteUse(): void {
    const { packages, node } = this.#parts.collection;
    for (const { tree } of packages.list()) {
      const lock = tryExclusiveLock(join(node.root, "locks", digestHex(tree)));
      if (lock === undefined) packages.touch(tree);
      else lock.release();
    }
  }
}
