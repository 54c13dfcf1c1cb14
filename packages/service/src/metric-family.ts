/** Numbers of one name in Prometheus's text format, each with its labels: `job="scrub"`, or none. */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly values: readonly (readonly [string, number])[];
}

/** A part of a program that has numbers to tell. Labels are of bounded sets. */
export interface MetricSource {
  /** At the time of a scrape; what it asks must be quick to answer. */
  families(): Promise<readonly MetricFamily[]>;
}

export function formatFamily({ name, type, help, values }: MetricFamily): readonly string[] {
  return formatMetric(name, type, help, values);
}

/** The same of its parts. */
export function formatMetric(
  name: string,
  type: MetricFamily["type"],
  help: string,
  values: MetricFamily["values"],
): readonly string[] {
  const lines = values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
