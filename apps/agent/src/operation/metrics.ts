import { formatMetric, LatencyHistogram } from "@cpm/service";
import type { CallRecord } from "../service/call-gate.ts";

/** Upper bounds of the latency histogram, in seconds. */
const boundsS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120] as const;

/** What is read at the time of a scrape, by the rest of a metric's name. */
export type Gauges = Readonly<Record<string, number>>;

type Collected = Readonly<Record<"freedBytes" | "removedTrees" | "removedBlobs", number>>;

/** Counts since the process began, in Prometheus's text format. Labels are of bounded sets, never names of packages. */
export class Metrics {
  readonly #calls = new Map<string, number>();
  readonly #latencies = new LatencyHistogram({
    name: "cpm_agent_rpc_seconds",
    help: "Duration of calls.",
    label: "method",
    boundsS,
  });
  readonly #ensures = new Map<string, number>();
  readonly #version: string;
  readonly #startedAtMs: number;
  #inFlight = 0;
  #downloadedBytes = 0;
  #sharedBytes = 0;
  #collectedBytes = 0;
  #collectedTrees = 0;
  #collectedBlobs = 0;
  #scrubbedBytes = 0;
  #damaged = { tree: 0, blob: 0 };
  #workers = 0;
  #workerPeakBytes = 0;

  constructor(version: string, startedAtMs: number) {
    this.#version = version;
    this.#startedAtMs = startedAtMs;
  }

  begin(): void {
    this.#inFlight++;
  }

  end({ method, durationMs, error }: CallRecord): void {
    this.#inFlight--;
    const labels = `method="${method}",code="${error?.kind ?? "ok"}"`;
    this.#calls.set(labels, (this.#calls.get(labels) ?? 0) + 1);
    this.#latencies.observe(method, durationMs);
  }

  ensured(how: string): void {
    this.#ensures.set(`result="${how}"`, (this.#ensures.get(`result="${how}"`) ?? 0) + 1);
  }

  downloaded(addedBytes: number): void {
    this.#downloadedBytes += addedBytes;
  }

  /** Bytes of a tree that others had already. */
  shared(sizeBytes: number): void {
    this.#sharedBytes += sizeBytes;
  }

  /** How much a collection removed. */
  collected({ freedBytes, removedTrees, removedBlobs }: Collected): void {
    this.#collectedBytes += freedBytes;
    this.#collectedTrees += removedTrees;
    this.#collectedBlobs += removedBlobs;
  }

  scrubbed(addedBytes: number): void {
    this.#scrubbedBytes += addedBytes;
  }

  damaged(what: "tree" | "blob"): void {
    this.#damaged[what]++;
  }

  /** A confined process that ended well, with the most memory that it was seen to take. */
  workerEnded(peakBytes: number): void {
    this.#workers++;
    this.#workerPeakBytes = Math.max(this.#workerPeakBytes, peakBytes);
  }

  format(gauges: Gauges): string {
    return [
      ...formatMetric("cpm_agent_build_info", "gauge", "Always 1.", [[`version="${this.#version}"`, 1]]),
      ...formatMetric("cpm_agent_rpc_total", "counter", "Calls that ended, by their status.", [...this.#calls]),
      ...this.#latencies.format(),
      ...formatMetric("cpm_agent_rpc_in_flight", "gauge", "Calls that run.", [["", this.#inFlight]]),
      ...formatMetric("cpm_agent_ensures_total", "counter", "Packages ensured: present, joined or placed.", [
        ...this.#ensures,
      ]),
      ...formatMetric("cpm_agent_download_bytes_total", "counter", "Bytes of layers fetched.", [
        ["", this.#downloadedBytes],
      ]),
      ...formatMetric("cpm_agent_shared_bytes_total", "counter", "Bytes of new trees that others had already.", [
        ["", this.#sharedBytes],
      ]),
      ...formatMetric("cpm_agent_collected_bytes_total", "counter", "Bytes of trees and blobs removed.", [
        ["", this.#collectedBytes],
      ]),
      ...formatMetric("cpm_agent_collected_total", "counter", "Trees and blobs removed.", [
        [`what="tree"`, this.#collectedTrees],
        [`what="blob"`, this.#collectedBlobs],
      ]),
      ...formatMetric("cpm_agent_scrubbed_bytes_total", "counter", "Bytes that were read again.", [
        ["", this.#scrubbedBytes],
      ]),
      ...formatMetric("cpm_agent_scrub_damaged_total", "counter", "Trees and blobs that were found damaged.", [
        [`what="tree"`, this.#damaged.tree],
        [`what="blob"`, this.#damaged.blob],
      ]),
      ...formatMetric("cpm_agent_workers_total", "counter", "Confined processes that ended well.", [
        ["", this.#workers],
      ]),
      ...formatMetric("cpm_agent_worker_peak_bytes", "gauge", "Most memory that one of them was seen to take.", [
        ["", this.#workerPeakBytes],
      ]),
      ...Object.entries(gauges).flatMap(([name, value]) =>
        formatMetric(`cpm_agent_${name}`, "gauge", `See docs/agent.md.`, [["", value]]),
      ),
      ...formatMetric("process_resident_memory_bytes", "gauge", "Resident memory.", [["", process.memoryUsage.rss()]]),
      ...formatMetric("process_start_time_seconds", "gauge", "Since when it runs.", [["", this.#startedAtMs / 1000]]),
      "",
    ].join("\n");
  }
}
