/** What every program that serves has: settings from flags, variables and a file, failures told in one form, metrics. */
export { tellFailure } from "./failure.ts";
export { LatencyHistogram } from "./latency-histogram.ts";
export { formatFamily, formatMetric } from "./metric-family.ts";
export type { MetricFamily, MetricSource } from "./metric-family.ts";
export { ProgramSettings } from "./program-settings.ts";
export type { SettingTexts } from "./read-settings.ts";
export { SettingReader } from "./setting-reader.ts";
export type { Setting } from "./setting.ts";
export { UsageError } from "./usage-error.ts";
