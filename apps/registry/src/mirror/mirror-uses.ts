import type { Digest } from "@cpm/base";
import type { MirrorRecords, Source } from "./mirror-records.ts";

/** Last uses are as exact as this, and a change of the database for each use is spared. */
const quietMs = 30_000;
const maxKept = 10_000;

/** What was used since the database was last told. A process that dies forgets half a minute of it, which costs nothing. */
export class MirrorUses {
  readonly #records: MirrorRecords;
  readonly #now: () => number;
  #blobs = new Set<Digest>();
  #manifests = new Map<Source, Set<Digest>>();
  #count = 0;
  #toldAtMs: number;

  constructor(records: MirrorRecords, now: () => number) {
    this.#records = records;
    this.#now = now;
    this.#toldAtMs = now();
  }

  async blob(digest: Digest): Promise<void> {
    this.#blobs.add(digest);
    await this.#noted();
  }

  async manifest(source: Source, digest: Digest): Promise<void> {
    const known = this.#manifests.get(source) ?? new Set();
    this.#manifests.set(source, known.add(digest));
    await this.#noted();
  }

  /** Tells the database. */
  async flush(): Promise<void> {
    const [blobs, manifests] = [this.#blobs, this.#manifests];
    this.#blobs = new Set();
    this.#manifests = new Map();
    this.#count = 0;
    this.#toldAtMs = this.#now();
    await this.#records.touch([...blobs], manifests, this.#toldAtMs);
  }

  async #noted(): Promise<void> {
    this.#count++;
    if (this.#count >= maxKept || this.#now() - this.#toldAtMs >= quietMs) await this.flush();
  }
}
