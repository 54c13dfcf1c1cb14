import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { createDigest, isCpmError } from "@cpm/base";
import { failpoint, removeFile } from "@cpm/store";
import type { WorkerVerifier } from "../worker/worker-verifier.ts";
import { healTree } from "./heal-tree.ts";
import type { HealParts, Healing } from "./heal-tree.ts";
import { leftOfRound, planScrub } from "./plan-scrub.ts";
import { ScrubState } from "./scrub-state.ts";
import type { ScrubProgress } from "./scrub-state.ts";

export interface ScrubResult {
  readonly what: "blob" | "tree";
  readonly digest: Digest;
  /** Paths of a tree, or 1 for a blob; 0 where all is as it should be. */
  readonly damagedCount: number;
}

export interface ScrubberParts extends HealParts {
  readonly verifier: WorkerVerifier;
  /** From the beginning of a round to that of the next one. Undefined: nothing is read but what is asked for. */
  readonly scrubEveryMs: number | undefined;
  readonly scrubBytesPerSecond: number;
  readonly now: () => number;
  readonly onBytes: (addedBytes: number) => void;
  /** Told of everything that was read. */
  readonly onScrubbed: (result: ScrubResult) => void;
  /** Told of each attempt to heal a damaged tree; an error says why it is as it was. */
  readonly onHealing: (tree: Digest, outcome: Healing | Error) => void;
  readonly onFailure: (error: unknown) => void;
}

const longestPauseMs = 60_000;
/** So long a tree that could not be healed is left alone, unless rounds begin more often. */
const longestRetryMs = 10 * 60_000;

/**
 * Reads everything that the node keeps again, slowly, round after round: blobs first, since trees are made from them. A
 * damaged blob is removed, as it can be fetched; a damaged tree is made anew as soon as nobody uses it. Where a round stands
 * is on the disk, so it goes on after a restart.
 */
export class Scrubber {
  readonly #parts: ScrubberParts;
  readonly #state: ScrubState;
  readonly #ending = new AbortController();
  #scrubbing: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #retriedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
    this.#state = new ScrubState(parts.collection.node.root);
  }

  /** Damaged trees that could not be healed yet. */
  get damagedTrees(): number {
    return this.#state.read()?.damaged.length ?? 0;
  }

  start(): void {
    const { scrubEveryMs, onFailure } = this.#parts;
    if (scrubEveryMs === undefined) return;
    const scrub = (): void => {
      this.#scrubbing ??= this.scrub(scrubEveryMs)
        .catch((error: unknown) => {
          if (!this.#ending.signal.aborted) onFailure(error);
        })
        .finally(() => (this.#scrubbing = undefined));
    };
    this.#timer = setInterval(scrub, Math.min(scrubEveryMs, longestPauseMs));
    scrub();
  }

  /** Ends what is being read. When it resolves, nothing is read and none is begun. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort(new Error("the agent stops"));
    await this.#scrubbing;
  }

  /** Goes on with the round that is due, and tries to heal what is known to be damaged. */
  async scrub(everyMs: number): Promise<void> {
    const before = this.#state.read();
    let progress = await this.#retry(planScrub(before, this.#parts.now(), everyMs), everyMs);
    if (JSON.stringify(before) !== JSON.stringify(progress)) this.#state.write(progress);
    if (progress.after === undefined) return;
    for (const name of leftOfRound(this.#keptNames(), progress)) {
      this.#ending.signal.throwIfAborted();
      progress = await this.#read(name, await this.#retry(progress, everyMs));
      this.#state.write(progress);
      failpoint("scrub/progress-written");
    }
    this.#state.write({ ...progress, after: undefined });
  }

  async #read(name: string, progress: ScrubProgress): Promise<ScrubProgress> {
    const read = { ...progress, after: name };
    const damaged = name.startsWith("blobs/") ? await this.#readBlob(name) : await this.#readTree(name);
    if (!damaged || progress.damaged.includes(name)) return read;
    const outcome = await this.#heal(name);
    // Whether it is healed or not: that it was damaged is news.
    this.#tell(name, outcome);
    return outcome === undefined ? { ...read, damaged: [...progress.damaged, name] } : read;
  }

  /** A blob can be fetched again, and nobody reads it but who unpacks it. */
  async #readBlob(name: string): Promise<false> {
    const path = join(this.#root, name);
    const digest = digestOf(name);
    const intact = await this.#verifier.verifyBlob(path, digest, this.#job).catch(unlessGone(path));
    // What was collected meanwhile is no damage.
    if (intact === undefined || !existsSync(path)) return false;
    this.#parts.onScrubbed({ what: "blob", digest, damagedCount: intact ? 0 : 1 });
    if (intact) return false;
    removeFile(path);
    failpoint("scrub/blob-removed");
    return false;
  }

  async #readTree(name: string): Promise<boolean> {
    const folder = join(this.#root, name);
    const digest = digestOf(name);
    const damage = await this.#verifier.verifyTree(folder, digest, this.#job).catch(unlessGone(folder));
    // What was collected meanwhile is no damage.
    if (damage === undefined || !existsSync(folder)) return false;
    this.#parts.onScrubbed({ what: "tree", digest, damagedCount: damage.count });
    return damage.count > 0;
  }

  /** Tries again to heal what is damaged, in its time. Somebody may have healed or removed it meanwhile. */
  async #retry(progress: ScrubProgress, everyMs: number): Promise<ScrubProgress> {
    const nowMs = performance.now();
    if (nowMs - this.#retriedAtMs < Math.min(everyMs, longestRetryMs)) return progress;
    this.#retriedAtMs = nowMs;
    const damaged: string[] = [];
    for (const name of progress.damaged) {
      const folder = join(this.#root, name);
      if (!existsSync(folder)) continue;
      const { count } = await this.#verifier.verifyTree(folder, digestOf(name), this.#job);
      if (count === 0) continue;
      const outcome = await this.#heal(name);
      if (outcome === undefined) damaged.push(name);
      else this.#tell(name, outcome);
    }
    return { ...progress, damaged };
  }

  #tell(name: string, outcome: Healing | undefined): void {
    const { events } = this.#parts.collection;
    events.add({ kind: "damaged", tree: digestOf(name), healed: outcome === "healed" });
  }

  /** Undefined where it is as it was. */
  async #heal(name: string): Promise<Healing | undefined> {
    const tree = digestOf(name);
    const { onHealing } = this.#parts;
    try {
      const outcome = await healTree(this.#parts, tree, this.#ending.signal);
      onHealing(tree, outcome);
      return outcome;
    } catch (error) {
      if (this.#ending.signal.aborted || !(error instanceof Error)) throw error;
      onHealing(tree, error);
      return undefined;
    }
  }

  get #root(): string {
    return this.#parts.collection.node.root;
  }

  get #verifier(): WorkerVerifier {
    return this.#parts.verifier;
  }

  get #job() {
    const { scrubBytesPerSecond: bytesPerSecond, onBytes } = this.#parts;
    return { bytesPerSecond, onBytes, signal: this.#ending.signal };
  }

  #keptNames(): readonly string[] {
    return ["blobs/sha256", "trees/sha256"].flatMap((folder) => {
      const path = join(this.#root, folder);
      const names = existsSync(path) ? readdirSync(path) : [];
      return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `${folder}/${name}`);
    });
  }
}

function digestOf(name: string): Digest {
  return createDigest("sha256", name.slice(-64));
}

/** A worker is not started for what was removed just before. */
function unlessGone(path: string): (error: unknown) => undefined {
  return (error) => {
    if (isCpmError(error, "agent/isolation") && !existsSync(path)) return undefined;
    throw error;
  };
}
