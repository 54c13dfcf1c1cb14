import { formatBytes, formatDuration } from "@cpm/base";
import type { Sample } from "./measure.ts";

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** One line of the table: one of our commands against one peer, measured in turn. */
export interface Result {
  readonly name: string;
  readonly peer: string;
  readonly ours: Figures;
  readonly theirs: Figures;
  /** Ours divided by theirs: of the medians, and the least and the most of any round. */
  readonly wallRatio: Spread;
  readonly cpuRatio: Spread;
}

export interface Figures {
  readonly wallMs: Spread;
  readonly cpuMs: Spread;
  /** Undefined for a foreign command. */
  readonly peakBytes: Spread | undefined;
}

export function compare(name: string, peer: string, ours: readonly Sample[], theirs: readonly Sample[]): Result {
  return {
    name,
    peer,
    ours: figuresOf(ours),
    theirs: figuresOf(theirs),
    wallRatio: ratioOf(ours, theirs, (sample) => sample.wallMs),
    cpuRatio: ratioOf(ours, theirs, (sample) => sample.cpuMs),
  };
}

/** Markdown, so that it can go into a page as it is. */
export function formatResults(results: readonly Result[]): string {
  const head = ["ours", "peer", "wall ÷", "CPU ÷", "our wall", "peer's wall", "our CPU", "peer's CPU", "our peak"];
  const lines = results.map(({ name, peer, ours, theirs, wallRatio, cpuRatio }) => [
    name,
    peer,
    formatRatio(wallRatio),
    formatRatio(cpuRatio),
    formatTimes(ours.wallMs),
    formatTimes(theirs.wallMs),
    formatDuration(ours.cpuMs.median),
    formatDuration(theirs.cpuMs.median),
    ours.peakBytes === undefined ? "" : formatBytes(ours.peakBytes.max),
  ]);
  return [head, head.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

function figuresOf(samples: readonly Sample[]): Figures {
  const peaks = samples.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : [peakBytes]));
  return {
    wallMs: spreadOf(samples.map(({ wallMs }) => wallMs)),
    cpuMs: spreadOf(samples.map(({ cpuMs }) => cpuMs)),
    peakBytes: peaks.length === 0 ? undefined : spreadOf(peaks),
  };
}

function ratioOf(ours: readonly Sample[], theirs: readonly Sample[], of: (sample: Sample) => number): Spread {
  const { min, max } = spreadOf(ours.map((sample, round) => of(sample) / of(theirs[round] ?? sample)));
  return { min, median: spreadOf(ours.map(of)).median / spreadOf(theirs.map(of)).median, max };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { min: sorted[0] ?? Number.NaN, median, max: sorted.at(-1) ?? Number.NaN };
}

function formatRatio({ min, median, max }: Spread): string {
  return `**${median.toFixed(2)}** (${min.toFixed(2)}–${max.toFixed(2)})`;
}

function formatTimes({ min, median, max }: Spread): string {
  return `${formatDuration(median)} (${formatDuration(min)}–${formatDuration(max)})`;
}
