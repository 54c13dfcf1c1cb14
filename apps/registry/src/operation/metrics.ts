import { formatFamily } from "./metric-family.ts";
import type { MetricFamily } from "./metric-family.ts";

/** Upper bounds of the latency histogram, in seconds. */
const bucketsS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30] as const;

interface Histogram {
  readonly counts: number[];
  sumS: number;
  count: number;
}

/** What is read at the time of a scrape. */
export interface Gauges {
  readonly openUploads: number;
  readonly residentBytes: number;
}

/** Counts of requests since the process began, in Prometheus's text format. Labels are of bounded sets. */
export class Metrics {
  readonly #startedAtMs: number;
  readonly #requests = new Map<string, number>();
  readonly #latencies = new Map<string, Histogram>();
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
    const histogram = this.#latencies.get(route) ?? { counts: bucketsS.map(() => 0), sumS: 0, count: 0 };
    const seconds = durationMs / 1000;
    const bucket = bucketsS.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sumS += seconds;
    histogram.count++;
    this.#latencies.set(route, histogram);
  }

  receive(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** With what others have to tell. */
  format({ openUploads, residentBytes }: Gauges, others: readonly MetricFamily[] = []): string {
    return [
      ...family("cpm_registry_requests_total", "counter", "Requests answered.", [...this.#requests]),
      ...this.#formatLatencies(),
      ...family("cpm_registry_requests_in_flight", "gauge", "Requests not yet answered.", [["", this.#inFlight]]),
      ...family("cpm_registry_received_bytes_total", "counter", "Bytes of blobs received.", [
        ["", this.#receivedBytes],
      ]),
      ...family("cpm_registry_sent_bytes_total", "counter", "Bytes of bodies answered.", [["", this.#sentBytes]]),
      ...family("cpm_registry_uploads_open", "gauge", "Uploads begun and not ended.", [["", openUploads]]),
      ...family("process_resident_memory_bytes", "gauge", "Resident memory.", [["", residentBytes]]),
      ...family("process_start_time_seconds", "gauge", "Since when it runs.", [["", this.#startedAtMs / 1000]]),
      ...others.flatMap(formatFamily),
      "",
    ].join("\n");
  }

  #formatLatencies(): string[] {
    const name = "cpm_registry_request_duration_seconds";
    const lines = [...this.#latencies].flatMap(([route, { counts, sumS, count }]) => {
      let total = 0;
      const buckets = bucketsS.map((bound, index) => {
        total += counts[index] ?? 0;
        return `${name}_bucket{route="${route}",le="${bound}"} ${total}`;
      });
      const label = `{route="${route}"}`;
      return [
        ...buckets,
        `${name}_bucket{route="${route}",le="+Inf"} ${count}`,
        `${name}_sum${label} ${sumS}`,
        `${name}_count${label} ${count}`,
      ];
    });
    return [`# HELP ${name} Time until an answer began.`, `# TYPE ${name} histogram`, ...lines];
  }
}

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

function family(
  name: string,
  type: MetricFamily["type"],
  help: string,
  values: MetricFamily["values"],
): readonly string[] {
  return formatFamily({ name, type, help, values });
}
