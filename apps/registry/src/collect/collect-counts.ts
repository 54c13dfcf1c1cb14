/** What was removed. */
export interface Collected {
  readonly manifests: number;
  readonly blobs: number;
  readonly objects: number;
  /** Of the objects. */
  readonly bytes: number;
  /** Of the objects, those that were no blob's. */
  readonly orphans: number;
}

/** Adds up what is removed. */
export class CollectCounts {
  #total: Collected = { manifests: 0, blobs: 0, objects: 0, bytes: 0, orphans: 0 };

  get total(): Collected {
    return this.#total;
  }

  add({ manifests = 0, blobs = 0, objects = 0, bytes = 0, orphans = 0 }: Partial<Collected>): void {
    const { total } = this;
    this.#total = {
      manifests: total.manifests + manifests,
      blobs: total.blobs + blobs,
      objects: total.objects + objects,
      bytes: total.bytes + bytes,
      orphans: total.orphans + orphans,
    };
  }
}
