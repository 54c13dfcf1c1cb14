import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Executor } from "@cpm/colonies";
import type { ExecutorRequirement } from "@cpm/model";

/** `executor gpu-executor on amd64 or arm64 with 2 GPUs and 16Gi`. */
export function describeExecutor({ type, arch, gpu, memory }: ExecutorRequirement): string {
  const gpuName = gpu?.name === undefined ? "" : ` ${gpu.name}`;
  const each = gpu?.memory === undefined ? "" : ` of ${gpu.memory}`;
  const gpus = gpu === undefined ? [] : [`${gpu.count}${gpuName} GPU${gpu.count === 1 ? "" : "s"}${each}`];
  const parts = [...gpus, ...(memory === undefined ? [] : [`${memory} of memory`])];
  const where = arch.length === 0 ? "" : ` on ${arch.join(" or ")}`;
  return `executor ${type}${where}${parts.length === 0 ? "" : ` with ${parts.join(" and ")}`}`;
}

/** The executors that may take work and have, on one kind of node, what is asked for. */
export function fittingExecutors(needed: ExecutorRequirement, executors: readonly Executor[]): readonly Executor[] {
  return aliveOf(needed, executors).filter((executor) => {
    const nodes = nodesOf(executor);
    return nodes.length === 0 ? needed.gpu === undefined : nodes.some((node) => fits(node, needed));
  });
}

/** What there is in place of an executor that is not there. */
export function explainMissingExecutor(needed: ExecutorRequirement, executors: readonly Executor[]): string {
  const alive = aliveOf(needed, executors);
  if (alive.length > 0 && needed.gpu === undefined && needed.memory === undefined)
    return `those of the type run on ${alive.flatMap((executor) => nodesOf(executor).map(({ architecture }) => architecture)).join(", ")}`;
  if (alive.length > 0) return `those of the type have ${alive.map(describeNodes).join("; ")}`;
  const known = executors.filter((executor) => executor.type === needed.type);
  if (known.length > 0) return known.map((executor) => `${executor.name} is ${executor.state}`).join(", ");
  const types = [...new Set(executors.filter((entry) => entry.state === "approved").map((entry) => entry.type))];
  return types.length === 0 ? "the colony has no executor" : `the colony has ${types.join(", ")}`;
}

/** One kind of node behind an executor, as it reports it; what it does not tell is empty. */
interface ExecutorNode {
  readonly architecture: string;
  readonly memory: string;
  readonly gpuName: string;
  readonly gpuCount: number;
  readonly gpuMemory: string;
}

function aliveOf(needed: ExecutorRequirement, executors: readonly Executor[]): readonly Executor[] {
  return executors.filter((executor) => executor.type === needed.type && executor.state === "approved");
}

function nodesOf({ capabilities }: Executor): readonly ExecutorNode[] {
  const { hardware } = capabilities;
  const entries: readonly JsonValue[] = Array.isArray(hardware) ? hardware : [];
  return entries.filter((entry) => isJsonObject(entry)).map(readNode);
}

function readNode(entry: JsonObject): ExecutorNode {
  const gpu = isJsonObject(entry["gpu"]) ? entry["gpu"] : {};
  const count = gpu["count"];
  return {
    architecture: textOf(entry["architecture"]),
    memory: textOf(entry["mem"]),
    gpuName: textOf(gpu["name"]),
    gpuCount: typeof count === "number" ? count : 0,
    gpuMemory: textOf(gpu["mem"]),
  };
}

/** An executor that does not say what it runs on, or how much memory, may have it; one that tells no GPU has none. */
function fits(node: ExecutorNode, { arch, memory, gpu }: ExecutorRequirement): boolean {
  if (arch.length > 0 && node.architecture !== "" && !arch.includes(node.architecture)) return false;
  if (memory !== undefined && !holds(node.memory, memory)) return false;
  if (gpu === undefined) return true;
  if (node.gpuCount < gpu.count) return false;
  if (gpu.name !== undefined && node.gpuName.toLowerCase() !== gpu.name.toLowerCase()) return false;
  return gpu.memory === undefined || holds(node.gpuMemory, gpu.memory);
}

function holds(told: string, wanted: string): boolean {
  const has = bytesOf(told);
  return has === undefined || has === 0 || has >= (bytesOf(wanted) ?? 0);
}

const units: Readonly<Record<string, number>> = {
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
};

/** ColonyOS's amounts of memory: `8192Mi`, `16GiB`, `1Gb`; undefined where it cannot be read. */
function bytesOf(text: string): number | undefined {
  const [, count, unit = ""] = /^([0-9]+) *([KMGT]i?)b?$/i.exec(text) ?? [];
  const size = units[unit.toLowerCase()];
  return count === undefined || size === undefined ? undefined : Number(count) * size;
}

function describeNodes(executor: Executor): string {
  const nodes = nodesOf(executor).map(({ architecture, memory, gpuName, gpuCount }) => {
    const gpus = gpuCount === 0 ? "no GPU" : `${gpuCount}${gpuName === "" ? "" : ` ${gpuName}`} GPUs`;
    return [gpus, ...[memory, architecture].filter((part) => part !== "")].join(", ");
  });
  return nodes.length === 0 ? "no GPU" : nodes.join("; ");
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
