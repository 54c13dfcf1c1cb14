import { formatFamily, formatMetric, LatencyHistogram } from "@cpm/service";
import type { MetricFamily } from "@cpm/service";

/** Upper bounds of the latency histogram, in seconds. */
const boundsS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30] as const;

/** What is read at the time of a scrape. */
export interface Gauges {
  readonly openUploads: number;
  readonly residentBytes: number;
}

/** Counts of requests since the process began, in Prometheus's text format. Labels are of bounded sets. */
export class Metrics {
  readonly #startedAtMs: number;
  readonly #requests = new Map<string, number>();
  readonly #latencies = new LatencyHistogram({
    name: "cpm_registry_request_duration_seconds",
    help: "Time until an answer began.",
    label: "route",
    boundsS,
  });
  #inFlight = 0;
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(startedAtMs: number) {
    this.#startedAtMs = startedAtMs;
  }

  begin(): void {
    this.#inFlight++;
  }

  end(route: string, method: string, status: number, durationMs: number, sentBytes: number): void {
    this.#inFlight--;
    this.#sentBytes += sentBytes;
    const key = `route="${route}",method="${methods.has(method) ? method : "other"}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    this.#latencies.observe(route, durationMs);
  }

  receive(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** With what others have to tell. */
  format({ openUploads, residentBytes }: Gauges, others: readonly MetricFamily[] = []): string {
    return [
      ...formatMetric("cpm_registry_requests_total", "counter", "Requests answered.", [...this.#requests]),
      ...this.#latencies.format(),
      ...formatMetric("cpm_registry_requests_in_flight", "gauge", "Requests not yet answered.", [["", this.#inFlight]]),
      ...formatMetric("cpm_registry_received_bytes_total", "counter", "Bytes of blobs received.", [
        ["", this.#receivedBytes],
      ]),
      ...formatMetric("cpm_registry_sent_bytes_total", "counter", "Bytes of bodies answered.", [["", this.#sentBytes]]),
      ...formatMetric("cpm_registry_uploads_open", "gauge", "Uploads begun and not ended.", [["", openUploads]]),
      ...formatMetric("process_resident_memory_bytes", "gauge", "Resident memory.", [["", residentBytes]]),
      ...formatMetric("process_start_time_seconds", "gauge", "Since when it runs.", [["", this.#startedAtMs / 1000]]),
      ...others.flatMap(formatFamily),
      "",
    ].join("\n");
  }
}

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
