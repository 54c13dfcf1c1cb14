import { formatBytes } from "@cpm/base";
import type { CallLoad } from "./call-load.ts";
import { lookEveryMs } from "./notice.ts";
import type { NoticeTimes } from "./notice.ts";

/** One way to the path of an installed package, as medians of its rounds. */
export interface AgentRow extends CallLoad {
  readonly client: string;
  readonly what: string;
}

export interface AgentResults {
  /** Each row is set beside the one that its client has under this name. */
  readonly rows: readonly { readonly row: AgentRow; readonly peer: AgentRow }[];
  readonly memory: SupervisorMemory;
  readonly notice: NoticeTimes;
}

/** Resident memory of the supervisor. */
export interface SupervisorMemory {
  /** After its start, before any call. */
  readonly startedBytes: number;
  /** After one ensure, before any load. */
  readonly idleBytes: number;
  /** At most, while so many clients called at once. */
  readonly loadedBytes: number;
  /** Some seconds after they had left. */
  readonly restingBytes: number;
  readonly clients: number;
}

/** Markdown. Ratios are of the row by its peer: less is better. */
export function formatAgentResults({ rows, memory, notice }: AgentResults): string {
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
  return `${table}\n\n${memoryLine(memory)}\n\n${noticeLine(notice)}`;
}

function memoryLine({ startedBytes, idleBytes, loadedBytes, restingBytes, clients }: SupervisorMemory): string {
  const [started, idle, loaded, resting] = [startedBytes, idleBytes, loadedBytes, restingBytes].map(formatBytes);
  return `Resident memory of the supervisor: ${started} started, ${idle} idle after one ensure, at most ${loaded} with ${clients} clients, ${resting} after them`;
}

function noticeLine({ versions, answerMs, watchMs, linkMs }: NoticeTimes): string {
  const [answer, watch, link] = [answerMs, watchMs, linkMs].map((ms) => ms.toFixed(1));
  return `From Ensure of a new small version (median of ${versions}): answered after ${answer} ms, told to a watcher after ${watch} ms, seen by a readlink every ${lookEveryMs} ms after ${link} ms`;
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
