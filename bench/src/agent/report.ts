import { formatBytes } from "@cpm/base";
import type { CallLoad } from "./call-load.ts";

/** One way to the path of an installed package, as medians of its rounds. */
export interface AgentRow extends CallLoad {
  readonly client: string;
  readonly what: string;
}

export interface AgentResults {
  /** Each row is set beside the one that its client has under this name. */
  readonly rows: readonly { readonly row: AgentRow; readonly peer: AgentRow }[];
  /** Resident memory of the supervisor after its start and one ensure, before any load. */
  readonly idleBytes: number;
}

/** Markdown. Ratios are of the row by its peer: less is better. */
export function formatAgentResults({ rows, idleBytes }: AgentResults): string {
  const head = ["client", "what", "peer", "p50 ÷", "p99 ÷", "CPU ÷", "row", "peer's", "server's peak"];
  const lines = rows.map(({ row, peer }) => [
    row.client,
    row.what,
    peer.what,
    `**${(row.p50Us / peer.p50Us).toFixed(2)}**`,
    (row.p99Us / peer.p99Us).toFixed(2),
    (cpuUs(row) / cpuUs(peer)).toFixed(2),
    figures(row),
    figures(peer),
    formatBytes(row.peakMemoryBytes),
  ]);
  const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return `${table}\n\nResident memory of the idle supervisor: ${formatBytes(idleBytes)}`;
}

function cpuUs({ clientCpuUs, serverCpuUs }: CallLoad): number {
  return clientCpuUs + serverCpuUs;
}

function figures({ p50Us, p99Us, clientCpuUs, serverCpuUs }: AgentRow): string {
  return `p50 ${short(p50Us)} µs, p99 ${short(p99Us)} µs, CPU ${short(clientCpuUs)} + ${short(serverCpuUs)} µs`;
}

function short(us: number): string {
  return us < 10 ? us.toFixed(1) : us.toFixed(0);
}
