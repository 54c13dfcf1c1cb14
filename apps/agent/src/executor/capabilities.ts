import { availableParallelism, totalmem } from "node:os";
import type { JsonObject } from "@cpm/base";
import type { AgentNode } from "../node/agent-node.ts";
import { version } from "../version.ts";

/** More packages are not told; `cpm.list` counts them all. */
const maxPackages = 1000;

/**
 * What a node is and has, in the form that ColonyOS gives to an executor's capabilities: the free space of the packages
 * directory as its storage, and as software the agent, the directory with the version of its layout, and each package.
 */
export function capabilitiesOf(node: AgentNode, layoutVersion: number): JsonObject {
  const [platform = "", architecture = ""] = node.platform.split("/");
  const hardware = {
    model: "",
    nodes: 1,
    cpu: `${availableParallelism() * 1000}m`,
    cores: availableParallelism(),
    mem: mebibytes(totalmem()),
    storage: mebibytes(node.freeBytes()),
    gpu: { name: "", mem: "", count: 0, nodecount: 0 },
    platform,
    architecture,
    network: [],
  };
  const packages = node.packages
    .list()
    .slice(0, maxPackages)
    .map((ref) => ({ name: ref.name as string, type: "cpm.package", version: ref.version.text }));
  const software = [
    { name: "cpm-agent", type: "cpm.agent", version },
    { name: node.store.root, type: "cpm.packages-directory", version: String(layoutVersion) },
    ...packages,
  ];
  return { hardware: [hardware], software };
}

/** ColonyOS reads no other unit reliably. */
function mebibytes(sizeBytes: number): string {
  return `${Math.floor(sizeBytes / 2 ** 20)}Mi`;
}
