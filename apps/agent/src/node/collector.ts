import { join } from "node:path";
import { digestHex } from "@cpm/base";
import { tryExclusiveLock } from "@cpm/system";
import { collectTrees } from "./collect-trees.ts";
import type { CollectParts, CollectRequest, CollectResult } from "./collect-trees.ts";
import { excessBytes } from "./plan-collection.ts";
import type { DiskUse, WaterMarks } from "./plan-collection.ts";

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

/** Collects when it is asked and by itself, one collection after the other. */
export class Collector {
  readonly #parts: CollectorParts;
  #last: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  collect(request: CollectRequest): Promise<CollectResult> {
    const collecting = this.#last.then(() => collectTrees(this.#parts.collection, request));
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
    await this.collect({ dryRun: false });
    const wantedBytes = waterMarks === undefined ? 0 : excessBytes(diskUse(), waterMarks);
    if (wantedBytes === 0) return;
    const result = await this.collect({ freeBytes: wantedBytes, dryRun: false });
    if (result.freedBytes < wantedBytes) onPressure(wantedBytes, result);
  }

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.tend().catch(this.#parts.onFailure), everyMs);
  }

  /** Resolves when no collection runs any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#last;
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
