import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { MetricFamily, MetricSource } from "@cpm/service";
import type { CollectCounts } from "./collect-counts.ts";

interface QueueRow {
  readonly blobs: number;
  readonly manifests: number;
  readonly objects: number;
  readonly oldest: number | null;
}

/** How much waits to be looked at or removed, for how long, and what this process has removed. */
export class CollectMetrics implements MetricSource {
  readonly #database: Database;
  readonly #counts: CollectCounts;
  readonly #now: () => number;

  constructor(database: Database, counts: CollectCounts, now: () => number) {
    this.#database = database;
    this.#counts = counts;
    this.#now = now;
  }

  async families(): Promise<readonly MetricFamily[]> {
    const { manifests, blobs, objects, bytes, orphans } = this.#counts.total;
    const queue = await this.#queue();
    const oldestMs = queue.oldest === null ? 0 : Math.max(0, this.#now() - queue.oldest);
    return [
      {
        name: "cpm_registry_collect_queue",
        type: "gauge",
        help: "What waits to be looked at, and objects that wait to be removed.",
        values: [
          [`kind="manifests"`, queue.manifests],
          [`kind="blobs"`, queue.blobs],
          [`kind="objects"`, queue.objects],
        ],
      },
      {
        name: "cpm_registry_collect_oldest_seconds",
        type: "gauge",
        help: "For how long nobody has used what waits the longest: little more than the delay.",
        values: [["", oldestMs / 1000]],
      },
      {
        name: "cpm_registry_collected_total",
        type: "counter",
        help: "What was collected; orphans are objects of no blob.",
        values: [
          [`kind="manifests"`, manifests],
          [`kind="blobs"`, blobs],
          [`kind="objects"`, objects],
          [`kind="orphans"`, orphans],
        ],
      },
      {
        name: "cpm_registry_collected_bytes_total",
        type: "counter",
        help: "Bytes of the objects that were removed.",
        values: [["", bytes]],
      },
    ];
  }

  async #queue(): Promise<QueueRow> {
    const row = await this.#database.get<QueueRow>(sql`
      SELECT (SELECT count(*) FROM blob_reviews) AS blobs, (SELECT count(*) FROM manifest_reviews) AS manifests,
        (SELECT count(*) FROM object_removals) AS objects, (SELECT min(touched_at) FROM blob_reviews) AS oldest`);
    return row ?? { blobs: 0, manifests: 0, objects: 0, oldest: null };
  }
}
