import type { MetricFamily, MetricSource } from "@cpm/service";

interface JobCounts {
  runs: number;
  failures: number;
  running: number;
  durationS: number;
  /** Undefined until one succeeded. */
  succeededAtS: number | undefined;
}

/** What this process did of each job; what other replicas did, they tell. */
export class JobMetrics implements MetricSource {
  readonly #jobs = new Map<string, JobCounts>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A run begins; what is answered is to be called at its end. */
  begin(name: string): (succeeded: boolean) => void {
    const counts = this.#jobs.get(name) ?? { runs: 0, failures: 0, running: 0, durationS: 0, succeededAtS: undefined };
    this.#jobs.set(name, counts);
    const startedAt = performance.now();
    counts.running++;
    return (succeeded) => {
      counts.running--;
      counts.runs++;
      counts.durationS += (performance.now() - startedAt) / 1000;
      if (succeeded) counts.succeededAtS = this.#now() / 1000;
      else counts.failures++;
    };
  }

  async families(): Promise<readonly MetricFamily[]> {
    const of = (value: (counts: JobCounts) => number | undefined): MetricFamily["values"] =>
      [...this.#jobs].flatMap(([name, counts]) => {
        const number = value(counts);
        return number === undefined ? [] : [[`job="${name}"`, number] as const];
      });
    return [
      { name: "cpm_registry_job_runs_total", type: "counter", help: "Runs of jobs.", values: of(({ runs }) => runs) },
      {
        name: "cpm_registry_job_failures_total",
        type: "counter",
        help: "Runs of jobs that failed.",
        values: of(({ failures }) => failures),
      },
      {
        name: "cpm_registry_job_duration_seconds_total",
        type: "counter",
        help: "Time that jobs ran.",
        values: of(({ durationS }) => durationS),
      },
      {
        name: "cpm_registry_job_running",
        type: "gauge",
        help: "Whether a job runs.",
        values: of(({ running }) => running),
      },
      {
        name: "cpm_registry_job_last_success_timestamp_seconds",
        type: "gauge",
        help: "When a job last ran without failing.",
        values: of(({ succeededAtS }) => succeededAtS),
      },
    ];
  }
}
