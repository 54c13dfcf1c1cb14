import { serveAgent } from "../serve.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { agentSettings } from "../settings/setting-table.ts";
import type { Command } from "./command.ts";

/** Serves until a signal, and says where. */
export const serve: Command = async (args, io) => {
  const agent = await serveAgent(toServeOptions(agentSettings.read(args, io.environment), io.environment, io.tell));
  const { metricsAddress } = agent;
  io.print(`listening on ${agent.socket}${metricsAddress === undefined ? "" : ` and ${metricsAddress}`}\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  await agent.stop();
  return 0;
};
