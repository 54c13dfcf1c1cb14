import { formatBytes } from "@cpm/base";
import type { Load } from "./get-load.ts";

/** What one registry made of one load, as the median of its rounds. */
export interface Measured extends Omit<Load, "requests"> {
  readonly contender: string;
  /** Processor time of the server for one request. */
  readonly cpuMs: number;
  readonly peakMemoryBytes: number;
}

/** One kind of request at one number of clients, ours first. */
export interface RegistryResult {
  readonly what: string;
  readonly clients: number;
  readonly measured: readonly Measured[];
}

/** Markdown. Ratios are ours by theirs: of requests more is better, of times, processor time of a request and memory less. */
export function formatRegistryResults(results: readonly RegistryResult[]): string {
  const head = ["request", "clients", "peer", "requests ÷", "p99 ÷", "CPU ÷", "memory ÷", "ours", "peer's"];
  const lines = results.flatMap(({ what, clients, measured: [ours, ...peers] }) => {
    if (ours === undefined) return [];
    if (peers.length === 0) return [[what, String(clients), "", "", "", "", "", figures(ours), ""]];
    return peers.map((peer) => [
      what,
      String(clients),
      peer.contender,
      `**${(ours.requestsPerSecond / peer.requestsPerSecond).toFixed(2)}**`,
      (ours.p99Ms / peer.p99Ms).toFixed(2),
      (ours.cpuMs / peer.cpuMs).toFixed(2),
      (ours.peakMemoryBytes / peer.peakMemoryBytes).toFixed(2),
      figures(ours),
      figures(peer),
    ]);
  });
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function figures({ requestsPerSecond, p99Ms, cpuMs, peakMemoryBytes }: Measured): string {
  const rate = requestsPerSecond < 100 ? requestsPerSecond.toFixed(1) : Math.round(requestsPerSecond);
  const p99 = p99Ms < 10 ? p99Ms.toFixed(2) : Math.round(p99Ms);
  return `${rate}/s, ${p99} ms, CPU ${cpuMs < 10 ? cpuMs.toFixed(2) : Math.round(cpuMs)} ms, ${formatBytes(peakMemoryBytes)}`;
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
