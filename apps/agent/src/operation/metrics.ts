import type { CallRecord } from "../service/call-gate.ts";

/** Upper bounds of the latency histogram, in seconds. */
const bucketsS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120] as const;

interface Histogram {
  readonly counts: number[];
  sumS: number;
  count: number;
}

/** What is read at the time of a scrape, by the rest of a metric's name. */
export type Gauges = Readonly<Record<string, number>>;

/** Counts since the process began, in Prometheus's text format. Labels are of bounded sets, never names of packages. */
export class Metrics {
  readonly #calls = new Map<string, number>();
  readonly #latencies = new Map<string, Histogram>();
  readonly #ensures = new Map<string, number>();
  readonly #version: string;
  readonly #startedAtMs: number;
  #inFlight = 0;
  #downloadedBytes = 0;
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
    const histogram = this.#latencies.get(method) ?? { counts: bucketsS.map(() => 0), sumS: 0, count: 0 };
    const seconds = durationMs / 1000;
    const bucket = bucketsS.findIndex((bound) => seconds <= bound);
    if (bucket !== -1) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sumS += seconds;
    histogram.count++;
    this.#latencies.set(method, histogram);
  }

  ensured(how: string): void {
    this.#ensures.set(`result="${how}"`, (this.#ensures.get(`result="${how}"`) ?? 0) + 1);
  }

  downloaded(addedBytes: number): void {
    this.#downloadedBytes += addedBytes;
  }

  /** A confined process that ended well, with the most memory that it was seen to take. */
  workerEnded(peakBytes: number): void {
    this.#workers++;
    this.#workerPeakBytes = Math.max(this.#workerPeakBytes, peakBytes);
  }

  format(gauges: Gauges): string {
    return [
      ...family("cpm_agent_build_info", "gauge", "Always 1.", [[`version="${this.#version}"`, 1]]),
      ...family("cpm_agent_rpc_total", "counter", "Calls that ended, by their status.", [...this.#calls]),
      ...this.#formatLatencies(),
      ...family("cpm_agent_rpc_in_flight", "gauge", "Calls that run.", [["", this.#inFlight]]),
      ...family("cpm_agent_ensures_total", "counter", "Packages ensured: present, joined or placed.", [
        ...this.#ensures,
      ]),
      ...family("cpm_agent_download_bytes_total", "counter", "Bytes of layers fetched.", [["", this.#downloadedBytes]]),
      ...family("cpm_agent_workers_total", "counter", "Confined processes that ended well.", [["", this.#workers]]),
      ...family("cpm_agent_worker_peak_bytes", "gauge", "Most memory that one of them was seen to take.", [
        ["", this.#workerPeakBytes],
      ]),
      ...Object.entries(gauges).flatMap(([name, value]) =>
        family(`cpm_agent_${name}`, "gauge", `See docs/agent.md.`, [["", value]]),
      ),
      ...family("process_resident_memory_bytes", "gauge", "Resident memory.", [["", process.memoryUsage.rss()]]),
      ...family("process_start_time_seconds", "gauge", "Since when it runs.", [["", this.#startedAtMs / 1000]]),
      "",
    ].join("\n");
  }

  #formatLatencies(): string[] {
    const name = "cpm_agent_rpc_seconds";
    const lines = [...this.#latencies].flatMap(([method, { counts, sumS, count }]) => {
      let total = 0;
      const buckets = bucketsS.map((bound, index) => {
        total += counts[index] ?? 0;
        return `${name}_bucket{method="${method}",le="${bound}"} ${total}`;
      });
      const label = `{method="${method}"}`;
      const end = `${name}_bucket{method="${method}",le="+Inf"} ${count}`;
      return [...buckets, end, `${name}_sum${label} ${sumS}`, `${name}_count${label} ${count}`];
    });
    return [`# HELP ${name} Duration of calls.`, `# TYPE ${name} histogram`, ...lines];
  }
}

function family(name: string, type: string, help: string, values: readonly (readonly [string, number])[]): string[] {
  const lines = values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
