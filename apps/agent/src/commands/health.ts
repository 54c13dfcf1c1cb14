import { parseArgs } from "node:util";
import { openAgent } from "@cpm/agent-client";
import { UsageError } from "@cpm/service";
import { agentError } from "../errors.ts";
import { agentSettings } from "../settings/setting-table.ts";
import type { Command } from "./command.ts";
import { version } from "../version.ts";

const timeoutMs = 5000;

/** Asks an agent whether it serves, and who it is. Throws `agent/not-serving` when it answers that it does not. */
export const health: Command = async (args, io) => {
  const options = { socket: { type: "string" }, json: { type: "boolean" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const socket = values.socket ?? io.environment[agentSettings.variableOf("socket")] ?? "";
  if (socket === "") throw new UsageError("--socket is missing");
  const agent = openAgent({ socket, clientName: "cpm-agent health", clientVersion: version, timeoutMs });
  try {
    const [status, info] = [await agent.checkHealth(), await agent.getInfo()];
    const record = {
      status,
      version: info.agentVersion,
      apiLevel: info.apiLevel,
      root: info.root,
      instanceId: info.instanceId,
      missing: info.isolation?.missing ?? [],
    };
    if (values.json === true) io.print(`${JSON.stringify(record)}\n`);
    else io.print(`${status}: cpm-agent ${record.version}, API level ${record.apiLevel}, ${record.root}\n`);
    if (status !== "serving") throw agentError("agent/not-serving", `the agent at ${socket} says ${status}`);
    return 0;
  } finally {
    agent.close();
  }
};
