import type { Digest } from "@cpm/base";
import { failpoint } from "@cpm/store";
import type { AuditedDatabase } from "../access/audited-database.ts";
import type { ObjectRemovals } from "../objects/object-removals.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { executeBlobReview, firstPosition, planBlobReview } from "./blob-review.ts";
import type { BlobReview, GarbageBlob } from "./blob-review.ts";
import { promiseSlackMs } from "./collect-settings.ts";
import type { CollectSettings } from "./collect-settings.ts";
import type { CollectCounts } from "./collect-counts.ts";
import { executeManifestReview, planManifestReview } from "./manifest-review.ts";
import type { ManifestReview, ManifestTimes, ReviewedManifest } from "./manifest-review.ts";

export interface CollectorParts {
  readonly database: AuditedDatabase;
  readonly storage: ObjectStorage;
  readonly removals: ObjectRemovals;
  readonly counts: CollectCounts;
  readonly settings: CollectSettings;
  readonly now: () => number;
}

/** What would be removed now. */
export interface Garbage {
  readonly manifests: readonly ReviewedManifest[];
  readonly blobs: readonly GarbageBlob[];
}

/** Looked at in one transaction: others wait for so many, and no longer. */
const reviewedAtOnce = 100;
const removedAtOnce = 200;
const collector = { actor: "local:collector", requestId: "collect" };

/**
 * Collects what nothing needs any more, while clients push and pull: what is queued for a review and was not touched
 * for the delay is looked at in a transaction, with a fresh look at everything that could need it, and taken out of the
 * database in the same one. Its object is removed after that. Of two that collect at once each finds what the other
 * left; of a push and a collection that want the same blob one comes first, and the other sees what it did.
 */
export class Collector {
  readonly #parts: CollectorParts;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** Some manifests, some blobs, some objects; `done` when none of them was as many as it may be. */
  async step(): Promise<"more" | "done"> {
    const manifests = await this.#collectManifests();
    const blobs = await this.#collectBlobs();
    const objects = await this.removeObjects();
    return manifests || blobs || objects ? "more" : "done";
  }

  /** Whether there may be more. */
  async removeObjects(): Promise<boolean> {
    const { count, sizeBytes } = await this.#parts.removals.removeDue(removedAtOnce);
    this.#parts.counts.add({ objects: count, bytes: sizeBytes });
    return count === removedAtOnce;
  }

  /** The plan of what `step` does, without doing any of it. What manifests leave behind is not yet in it. */
  async plan(): Promise<Garbage> {
    const [manifests, blobs]: [ReviewedManifest[], GarbageBlob[]] = [[], []];
    const { database } = this.#parts;
    for (let offset = 0, more = true; more; offset += reviewedAtOnce) {
      const { reviewed, garbage } = await planManifestReview(database, this.#times(), reviewedAtOnce, offset);
      manifests.push(...garbage);
      more = reviewed.length === reviewedAtOnce;
    }
    for (let position = firstPosition, more = true; more;) {
      const review = await planBlobReview(database, this.#untouchedSince(), this.#objectOf, reviewedAtOnce, position);
      blobs.push(...review.garbage);
      position = review.last;
      more = review.reviewed.length === reviewedAtOnce;
    }
    return { manifests, blobs };
  }

  async #collectManifests(): Promise<boolean> {
    const times = this.#times();
    const { reviewed, garbage } = await this.#parts.database.change(
      collector,
      async (change): Promise<ManifestReview> => {
        const review = await planManifestReview(change, times, reviewedAtOnce);
        await executeManifestReview(change, review);
        failpoint("collect/manifests-decided");
        return review;
      },
    );
    failpoint("collect/manifests-collected");
    this.#parts.counts.add({ manifests: garbage.length });
    return reviewed.length === reviewedAtOnce;
  }

  async #collectBlobs(): Promise<boolean> {
    const [since, now] = [this.#untouchedSince(), this.#parts.now()];
    const { reviewed, garbage } = await this.#parts.database.transact(async (transaction): Promise<BlobReview> => {
      const review = await planBlobReview(transaction, since, this.#objectOf, reviewedAtOnce);
      await executeBlobReview(transaction, review, now);
      failpoint("collect/blobs-decided");
      return review;
    });
    failpoint("collect/blobs-collected");
    this.#parts.counts.add({ blobs: garbage.length });
    return reviewed.length === reviewedAtOnce;
  }

  readonly #objectOf = (digest: Digest) => this.#parts.storage.defaultObject(digest);

  #untouchedSince(): number {
    const { settings, now } = this.#parts;
    return Math.floor(now() - settings.delayMs - promiseSlackMs(settings.delayMs));
  }

  #times(): ManifestTimes {
    const { untaggedAfterMs, delayMs } = this.#parts.settings;
    const orphansMs = this.#untouchedSince();
    const collectsUntagged = Number.isFinite(untaggedAfterMs);
    // Without a time for them they are taken from the queue once nothing is to be decided on them.
    const laterMs = collectsUntagged ? Math.max(0, untaggedAfterMs - delayMs) : 0;
    return { orphansMs, untaggedMs: orphansMs - laterMs, collectsUntagged };
  }
}
