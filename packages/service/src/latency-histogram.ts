interface Bins {
  readonly counts: number[];
  sumS: number;
  count: number;
}

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** What tells its series apart; its values must be of a bounded set. */
  readonly label: string;
  /** Upper bounds, in seconds, ascending. */
  readonly boundsS: readonly number[];
}

/** How long something took, as a histogram of Prometheus's text format with one series for each value of a label. */
export class LatencyHistogram {
  readonly #options: HistogramOptions;
  readonly #series = new Map<string, Bins>();

  constructor(options: HistogramOptions) {
    this.#options = options;
  }

  observe(value: string, durationMs: number): void {
    const { boundsS } = this.#options;
    const bins = this.#series.get(value) ?? { counts: boundsS.map(() => 0), sumS: 0, count: 0 };
    const seconds = durationMs / 1000;
    const index = boundsS.findIndex((bound) => seconds <= bound);
    if (index !== -1) bins.counts[index] = (bins.counts[index] ?? 0) + 1;
    bins.sumS += seconds;
    bins.count++;
    this.#series.set(value, bins);
  }

  format(): readonly string[] {
    const { name, help, label, boundsS } = this.#options;
    const lines = [...this.#series].flatMap(([value, { counts, sumS, count }]) => {
      const labels = `${label}="${value}"`;
      let total = 0;
      const buckets = boundsS.map((bound, index) => {
        total += counts[index] ?? 0;
        return `${name}_bucket{${labels},le="${bound}"} ${total}`;
      });
      const end = `${name}_bucket{${labels},le="+Inf"} ${count}`;
      return [...buckets, end, `${name}_sum{${labels}} ${sumS}`, `${name}_count{${labels}} ${count}`];
    });
    return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines];
  }
}
