import type { MetricFamily, MetricSource } from "@cpm/service";
import type { MirrorRecords } from "./mirror-records.ts";

/** What is asked of a mirror. */
export type MirrorContent = "blob" | "manifest" | "tags" | "referrers" | "index";

/** `hit`: answered without asking the upstream; `miss`: with it; `stale`: without, since it does not answer. */
export type MirrorOutcome = "hit" | "miss" | "stale";

export class MirrorMetrics implements MetricSource {
  readonly #records: MirrorRecords;
  readonly #answers = new Map<string, number>();
  #fetchedBytes = 0;
  #failures = 0;
  #evictions = 0;
  #evictedBytes = 0;

  constructor(records: MirrorRecords) {
    this.#records = records;
  }

  answer(content: MirrorContent, outcome: MirrorOutcome): void {
    const key = `content="${content}",outcome="${outcome}"`;
    this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
  }

  fetch(bytes: number): void {
    this.#fetchedBytes += bytes;
  }

  failUpstream(): void {
    this.#failures++;
  }

  evict(bytes: number): void {
    this.#evictions++;
    this.#evictedBytes += bytes;
  }

  async families(): Promise<readonly MetricFamily[]> {
    const counter = (name: string, help: string, count: number): MetricFamily => ({
      name: `cpm_registry_mirror_${name}_total`,
      type: "counter",
      help,
      values: [["", count]],
    });
    return [
      {
        name: "cpm_registry_mirror_answers_total",
        type: "counter",
        help: "Answers about mirrored content, by whether the upstream was asked.",
        values: [...this.#answers],
      },
      counter("fetched_bytes", "Bytes of blobs received from upstreams.", this.#fetchedBytes),
      counter("upstream_failures", "Requests that an upstream did not answer, or not in a way of use.", this.#failures),
      counter("evictions", "Entries that left the cache.", this.#evictions),
      counter("evicted_bytes", "Bytes that left the cache.", this.#evictedBytes),
      {
        name: "cpm_registry_mirror_cached_bytes",
        type: "gauge",
        help: "Bytes in the cache.",
        values: [["", await this.#records.totalBytes()]],
      },
    ];
  }
}
