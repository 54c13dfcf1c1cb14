import type { Digest } from "@cpm/base";
import type { FetchCount, Metadata } from "../metadata.ts";

export interface DownloadCounterParts {
  readonly metadata: Pick<Metadata, "addDownloads">;
  /** How long counts are kept in memory before they are written: what a crash takes along. */
  readonly intervalMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** How many different manifests are counted before they are written, and how many in one transaction. */
const maxCounted = 10_000;
const writtenAtOnce = 500;

/**
 * Counts what is fetched. A count is an entry in memory, so that no answer waits for it or fails by it; the entries are
 * added to the database together. While that fails they are kept, and beyond a bound further manifests are not counted:
 * the counts are for people and for the order of a search, and nothing is owed by them.
 */
export class DownloadCounter {
  readonly #parts: DownloadCounterParts;
  #counts = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: DownloadCounterParts) {
    this.#parts = parts;
  }

  count(repository: string, digest: Digest): void {
    const key = `${repository}@${digest}`;
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= maxCounted) return;
    this.#counts.set(key, (known ?? 0) + 1);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.flush(), this.#parts.intervalMs);
    // Nothing that waits for this keeps a process from ending.
    this.#timer.unref();
  }

  /** Adds what was counted so far to the database. Failures are told, and what was not added is kept. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const counts = [...this.#counts];
    this.#counts = new Map();
    for (let start = 0; start < counts.length; start += writtenAtOnce) {
      try {
        await this.#parts.metadata.addDownloads(counts.slice(start, start + writtenAtOnce).map(toFetchCount));
      } catch (error) {
        this.#keep(counts.slice(start));
        this.#parts.onFailure(error);
        return;
      }
    }
  }

  #keep(counts: readonly (readonly [string, number])[]): void {
    for (const [key, count] of counts) {
      const known = this.#counts.get(key);
      if (known !== undefined || this.#counts.size < maxCounted) this.#counts.set(key, (known ?? 0) + count);
    }
  }
}

function toFetchCount([key, count]: readonly [string, number]): FetchCount {
  const separator = key.indexOf("@");
  return { repository: key.slice(0, separator), digest: key.slice(separator + 1) as Digest, count };
}
