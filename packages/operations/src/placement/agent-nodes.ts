import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Executor, ExecutorState } from "@cpm/colonies";

/** The type by which a colony knows executors that are agents. */
export const agentExecutorType = "cpm-agent";

/** A node with an agent, as the agent tells it in its capabilities. What it does not tell is absent or empty. */
export interface AgentNode {
  readonly id: string;
  /** Of its executor. */
  readonly name: string;
  readonly state: ExecutorState;
  /** By the server's clock. */
  readonly lastHeardAt: Date | undefined;
  readonly location: string;
  /** Its packages directory, absolute. */
  readonly root: string | undefined;
  /** `os/arch`. */
  readonly platform: string | undefined;
  /** Of the agent. */
  readonly version: string | undefined;
  /** `namespace/name@version`, at most the thousand that an agent reports. */
  readonly packages: readonly string[];
  readonly freeBytes: number | undefined;
}

/** Every agent that was ever enrolled, by name. */
export function agentNodes(executors: readonly Executor[]): readonly AgentNode[] {
  return executors
    .filter(({ type }) => type === agentExecutorType)
    .map(readNode)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function readNode(executor: Executor): AgentNode {
  const { id, name, state, lastHeardAt, locationName: location, capabilities } = executor;
  const [hardware = {}] = listOf(capabilities["hardware"]);
  const software = listOf(capabilities["software"]);
  const ofType = (type: string) => software.filter((entry) => entry["type"] === type);
  const root = textOf(ofType("cpm.packages-directory")[0]?.["name"]);
  const [system, architecture] = [textOf(hardware["platform"]), textOf(hardware["architecture"])];
  return {
    id,
    name,
    state,
    lastHeardAt,
    location,
    root: root?.startsWith("/") === true ? root : undefined,
    platform: system === undefined || architecture === undefined ? undefined : `${system}/${architecture}`,
    version: textOf(ofType("cpm.agent")[0]?.["version"]),
    packages: ofType("cpm.package").map((entry) => `${textOf(entry["name"])}@${textOf(entry["version"])}`),
    freeBytes: freeBytesOf(hardware["storage"]),
  };
}

/** How long the server bears an executor's silence unless it is told otherwise. */
const silenceMs = 600_000;

/**
 * Why nothing can be placed on a node now; undefined where it can. How long it was silent is told from when the colony
 * heard of any executor last, since clocks of two machines are never compared.
 */
export function whyNotUsable(node: AgentNode, executors: readonly Executor[]): string | undefined {
  const { state, lastHeardAt, root, platform } = node;
  if (state !== "approved") return `it is ${state}`;
  const newestMs = Math.max(0, ...executors.map((executor) => executor.lastHeardAt?.getTime() ?? 0));
  if (lastHeardAt === undefined || newestMs - lastHeardAt.getTime() > silenceMs) return describeSilence(node);
  if (root === undefined || platform === undefined)
    return "its agent does not tell its packages directory and platform";
  return undefined;
}

/** `it was last heard of at 2026-03-01T10:00:00Z`. */
export function describeSilence({ lastHeardAt }: Pick<AgentNode, "lastHeardAt">): string {
  if (lastHeardAt === undefined) return "it was never heard of";
  return `it was last heard of at ${lastHeardAt.toISOString().replace(/\.\d+Z$/, "Z")}`;
}

/** An agent tells whole mebibytes, as ColonyOS has it: `2048Mi`. */
function freeBytesOf(value: JsonValue | undefined): number | undefined {
  const [, count] = /^([0-9]{1,15})Mi$/.exec(textOf(value) ?? "") ?? [];
  return count === undefined ? undefined : Number(count) * 2 ** 20;
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((entry: JsonValue) => isJsonObject(entry)) : [];
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
