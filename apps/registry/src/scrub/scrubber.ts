import { digestAlgorithm, isCpmError } from "@cpm/base";
import { createHasher, digestOf, failpoint } from "@cpm/store";
import { scrubStopped } from "../errors.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import type { ByteRate } from "./byte-rate.ts";
import type { ScrubClock } from "./scrub-clock.ts";
import type { BlobToScrub, ContentToScrub, ManifestToScrub } from "./scrub-contents.ts";
import type { Finding, ScrubProgress, ScrubRecords } from "./scrub-records.ts";

export interface ScrubberParts {
  readonly records: ScrubRecords;
  readonly objects: ObjectStorage;
  readonly rate: ByteRate;
  readonly clock: ScrubClock;
  /** Told of bytes when they were hashed. */
  readonly onHashed?: (bytes: number) => void;
  /** Told of what was found damaged, once it is recorded. */
  readonly onDamage?: (content: ContentToScrub, finding: Finding) => void;
  /** Told of a content that could not be read, which says nothing about it. */
  readonly onUnreadable?: (content: ContentToScrub, error: unknown) => void;
}

export interface ScrubRun {
  /** Begins a new pass, in place of going on with one. Default false. */
  readonly restart?: boolean;
  /** For how long it begins with one content after another. Default: to the end of the pass. */
  readonly maxMs?: number;
  /** What is being read is left, and is the first when somebody goes on. */
  readonly signal?: AbortSignal;
}

/** `stopped` before the end; `busy`: somebody else is at it, or has taken over. */
export type ScrubEnd = "done" | "stopped" | "busy";

const saveIntervalMs = 5000;
/** Then it is not the contents that are damaged, but the storage that is another or not there. */
const maxDamagedInARow = 10;
const maxUnreadableInARow = 3;
/** What a content costs at least, for the call that it takes. */
const leastCostBytes = 64 * 1024;

/**
 * Reads everything that the registry keeps again and compares it with its digests: every blob in the order of its
 * digest, then every manifest. How far it has come is in the database, so that another process goes on there; one at a
 * time is at it, and one that lost its turn changes nothing more.
 *
 * What is wrong twice is damaged: what is there is kept aside, then the database says so, and the registry answers no
 * byte of it until it is pushed again. Nothing is ever deleted. A storage that fails says nothing about a content.
 */
export class Scrubber {
  readonly #parts: ScrubberParts;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  /**
   * Throws what the storage or the database throws when it cannot go on, and `registry-server/scrub-stopped` where so
   * much is damaged that something else must be wrong. The pass can be gone on with after either.
   */
  async run({ restart = false, maxMs = Number.POSITIVE_INFINITY, signal }: ScrubRun = {}): Promise<ScrubEnd> {
    const { records, clock } = this.#parts;
    const progress = await records.claim(restart);
    if (progress === undefined) return "busy";
    const pass = new ScrubPass(this.#parts, progress, signal);
    let end: ScrubEnd | undefined;
    try {
      end = await pass.goOn(clock.now() + maxMs);
      return end;
    } catch (error) {
      if (error === lostTurn) return "busy";
      if (signal?.aborted === true) return "stopped";
      throw error;
    } finally {
      // Where somebody else has the pass by now, this writes nothing.
      if (end !== "done") await records.release(pass.savable);
    }
  }
}

/** Thrown where another process has the pass by now. */
const lostTurn = new Error("another process scrubs");

/** The part of a pass that one process does. */
class ScrubPass {
  readonly #parts: ScrubberParts;
  readonly #signal: AbortSignal | undefined;
  #progress: ScrubProgress;
  #savable: ScrubProgress;
  #savedAtMs: number;
  #damagedInARow = 0;
  #unreadableInARow = 0;

  constructor(parts: ScrubberParts, progress: ScrubProgress, signal: AbortSignal | undefined) {
    this.#parts = parts;
    this.#signal = signal;
    this.#progress = progress;
    this.#savable = progress;
    this.#savedAtMs = parts.clock.now();
  }

  /** Where to go on from: before what could not be read, until something else could be. */
  get savable(): ScrubProgress {
    return this.#savable;
  }

  async goOn(untilMs: number): Promise<ScrubEnd> {
    const { records, clock } = this.#parts;
    for (let contents = await records.next(this.#progress); contents.length > 0;) {
      for (const content of contents) {
        if (this.#signal?.aborted === true || clock.now() >= untilMs) return "stopped";
        await this.#look(content);
      }
      contents = await records.next(this.#progress);
    }
    return (await records.end(this.#progress)) ? "done" : "busy";
  }

  async #look(content: ContentToScrub): Promise<void> {
    const { repositoryId, digest } = content;
    const found = await this.#attempt(content);
    const isDamaged = found === "lost" || found === "changed";
    const { contents, damaged, unreadable } = this.#progress;
    this.#progress = {
      ...this.#progress,
      repositoryId,
      digest,
      contents: contents + 1,
      damaged: damaged + Number(isDamaged),
      unreadable: unreadable + Number(found === "unreadable"),
    };
    if (found !== "unreadable") {
      this.#unreadableInARow = 0;
      this.#savable = this.#progress;
    }
    this.#damagedInARow = isDamaged ? this.#damagedInARow + 1 : 0;
    if (this.#damagedInARow === maxDamagedInARow) throw scrubStopped(maxDamagedInARow);
    await this.#save();
  }

  async #attempt(content: ContentToScrub): Promise<Finding | "sound" | "unreadable"> {
    try {
      return content.kind === "blob" ? await this.#examineBlob(content) : await this.#examineManifest(content);
    } catch (error) {
      if (error === lostTurn || this.#signal?.aborted === true) throw error;
      this.#parts.onUnreadable?.(content, error);
      // One that cannot be read is in the way of no other; a storage that is away, of all.
      if (++this.#unreadableInARow === maxUnreadableInARow) throw error;
      return "unreadable";
    }
  }

  async #examineBlob(blob: BlobToScrub): Promise<Finding | "sound"> {
    const { records, objects, onDamage } = this.#parts;
    // What was damaged by the transfer, or is being replaced, is another the second time.
    const finding = (await this.#compare(blob)) && (await this.#compare(blob));
    if (finding === undefined) {
      if (blob.damaged) await records.recordSound(blob);
      return "sound";
    }
    if (blob.damaged) return finding;
    failpoint("scrub/found");
    const object = blob.object ?? objects.defaultObject(blob.digest);
    const keptAs = await objects.quarantine(object, String(blob.generation));
    failpoint("scrub/kept");
    const recorded = await records.recordBlob(blob, finding, keptAs);
    failpoint("scrub/recorded");
    if (!recorded) return "sound";
    onDamage?.(blob, finding);
    return finding;
  }

  async #examineManifest(manifest: ManifestToScrub): Promise<Finding | "sound"> {
    const { records, rate, onDamage } = this.#parts;
    const { bytes, digest } = manifest;
    await rate.take(Math.max(leastCostBytes, bytes.length), this.#signal);
    this.#hashed(bytes.length);
    if (digestOf(bytes, digestAlgorithm(digest)) === digest) {
      if (manifest.damaged) await records.recordSound(manifest);
      return "sound";
    }
    if (manifest.damaged) return "changed";
    if (!(await records.recordManifest(manifest))) return "sound";
    failpoint("scrub/manifest-recorded");
    onDamage?.(manifest, "changed");
    return "changed";
  }

  /** Undefined when its bytes are what its digest says. */
  async #compare(blob: BlobToScrub): Promise<Finding | undefined> {
    const { objects, rate } = this.#parts;
    const hasher = createHasher(digestAlgorithm(blob.digest));
    await rate.take(leastCostBytes, this.#signal);
    try {
      for await (const chunk of objects.read(blob.object ?? objects.defaultObject(blob.digest), blob.sizeBytes)) {
        hasher.update(chunk);
        this.#hashed(chunk.length);
        await rate.take(chunk.length, this.#signal);
        await this.#save();
      }
    } catch (error) {
      if (isCpmError(error, "registry-server/content-lost")) return "lost";
      throw error;
    }
    return hasher.digest() === blob.digest ? undefined : "changed";
  }

  #hashed(bytes: number): void {
    this.#parts.onHashed?.(bytes);
    const hashedBytes = this.#progress.hashedBytes + bytes;
    this.#progress = { ...this.#progress, hashedBytes };
  }

  /** Now and then, which also keeps others from taking over. */
  async #save(): Promise<void> {
    const now = this.#parts.clock.now();
    if (now - this.#savedAtMs < saveIntervalMs) return;
    this.#savedAtMs = now;
    if (!(await this.#parts.records.save(this.#savable))) throw lostTurn;
  }
}
