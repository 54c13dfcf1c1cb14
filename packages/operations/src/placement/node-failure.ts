import { formatDuration } from "@cpm/base";
import type { Process } from "@cpm/colonies";

export interface NodeFailure {
  /** `silent`: nobody took it. `slow`: it was taken and not done in time. `failed`: the agent says why. */
  readonly reason: "silent" | "slow" | "failed";
  /** For people, with the agent's code and advice where it gave them. */
  readonly message: string;
  /** The agent's stable code. */
  readonly code?: string;
}

export interface NodeLimits {
  /** How long a call may take in all, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it may wait for its node, in milliseconds. Default: as long as it may take. */
  readonly waitMs?: number;
}

/** Why a process that did not succeed did not; `silence` says when the colony heard of its node last. */
export function describeFailure(
  seen: Process,
  silence: string,
  { timeoutMs, waitMs }: Required<NodeLimits>,
): NodeFailure {
  const { state, errors } = seen;
  const [first = ""] = errors;
  if (state === "waiting" || first.startsWith("Maximum waiting time"))
    return {
      reason: "silent",
      message: `it did not take the call within ${formatDuration(Math.min(waitMs, timeoutMs))}; ${silence}`,
    };
  if (state === "running" || first.startsWith("Maximum execution time"))
    return { reason: "slow", message: `it was not done within ${formatDuration(timeoutMs)}` };
  if (state === "cancelled") return { reason: "failed", message: "somebody cancelled it" };
  const code = /\[([a-z-]+\/[a-z-]+)\]/.exec(first)?.[1];
  const message = errors.map((text) => text.trim()).join(" ");
  return {
    reason: "failed",
    message: message === "" ? "it gave no reason" : message,
    ...(code === undefined ? {} : { code }),
  };
}
