import type { Executor } from "@cpm/colonies";
import { agentExecutorType, agentNodes } from "../placement/agent-nodes.ts";
import type { AgentNode } from "../placement/agent-nodes.ts";

export interface NodeSketch {
  readonly name?: string;
  readonly state?: Executor["state"];
  /** Seconds since an arbitrary beginning; undefined for never. Default 0. */
  readonly heardAtSeconds?: number | undefined;
  readonly location?: string;
  readonly root?: string | undefined;
  readonly platform?: string | undefined;
  /** `namespace/name@version`. */
  readonly packages?: readonly string[];
  readonly freeMebibytes?: number;
}

/** An agent as the colony lists it. */
export function agentExecutor(sketch: NodeSketch = {}): Executor {
  const heard = { heardAtSeconds: 0, root: "/var/lib/colony/packages", platform: "linux/amd64", ...sketch };
  const [platform, architecture] = heard.platform?.split("/") ?? [];
  const { name = "node-1", packages = [], freeMebibytes = 1024, root, heardAtSeconds } = heard;
  const told = packages.map((label) => {
    const [packageName = "", version = ""] = label.split("@");
    return { name: packageName, type: "cpm.package", version };
  });
  const place = root === undefined ? [] : [{ name: root, type: "cpm.packages-directory", version: "1" }];
  return {
    id: `id of ${name}`,
    name,
    type: agentExecutorType,
    colonyName: "dev",
    locationName: heard.location ?? "",
    state: heard.state ?? "approved",
    registeredAt: new Date(0),
    lastHeardAt: heardAtSeconds === undefined ? undefined : new Date(Date.UTC(2026, 0, 1) + heardAtSeconds * 1000),
    capabilities: {
      hardware: [
        {
          storage: `${freeMebibytes}Mi`,
          ...(platform === undefined || architecture === undefined ? {} : { platform, architecture }),
        },
      ],
      software: [{ name: "cpm-agent", type: "cpm.agent", version: "0.1.0" }, ...place, ...told],
    },
  };
}

export function agentNode(sketch: NodeSketch = {}): AgentNode {
  const [node] = agentNodes([agentExecutor(sketch)]);
  if (node === undefined) throw new TypeError("an agent is a node");
  return node;
}
