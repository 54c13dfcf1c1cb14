import { isCpmError } from "@cpm/base";
import { openAgent } from "@cpm/agent-client";
import type { Output } from "../output/output.ts";
import { version } from "../version.ts";
import { agentPaths, agentUnits } from "./service-files.ts";

const timeoutMs = 5000;

type AgentStatus =
  | { readonly health: string; readonly version: string; readonly apiLevel: number; readonly root: string }
  | { readonly health: "unreachable"; readonly code: string; readonly reason: string };

/** `cpm agent status`: what systemd says of the units, and what the agent says of itself. 0 when it serves, else 1. */
export async function showStatus(socket: string | undefined, output: Output): Promise<number> {
  const units = agentUnits.map((unit) => ({ unit, state: unitState(unit) }));
  const agent = await askAgent(socket ?? agentPaths.socket);
  output.data({ units, agent: { ...agent } }, () =>
    [...units.map(({ unit, state }) => [unit, state] as const), ...Object.entries(agent)]
      .map(([name, value]) => `${name.padEnd(18)} ${value}`)
      .join("\n"),
  );
  return agent.health === "serving" ? 0 : 1;
}

/** As `systemctl is-active` says it: active, inactive, failed; `unknown` where there is no systemd to ask. */
function unitState(unit: string): string {
  const systemctl = Bun.which("systemctl");
  if (systemctl === null) return "unknown";
  const { stdout } = Bun.spawnSync([systemctl, "is-active", unit], { stdin: "ignore", stderr: "ignore" });
  return stdout.toString().trim() || "unknown";
}

/** An agent that does not answer is an answer too. */
async function askAgent(socket: string): Promise<AgentStatus> {
  const agent = openAgent({ socket, clientName: "cpm agent status", clientVersion: version, timeoutMs });
  try {
    const [health, info] = [await agent.checkHealth(), await agent.getInfo()];
    return { health, version: info.agentVersion, apiLevel: info.apiLevel, root: info.root };
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return { health: "unreachable", code: error.code, reason: error.message };
  } finally {
    agent.close();
  }
}
