import { UsageError } from "@cpm/service";
import { toServeOptions } from "../settings/serve-options.ts";
import { agentSettings } from "../settings/setting-table.ts";
import type { Command } from "./command.ts";

/** Says what `serve` would be started with, and where each setting is from. Nothing is opened. */
export const config: Command = async ([verb = "", ...args], io) => {
  if (verb !== "check") throw new UsageError(`"config ${verb}" is none of: check`);
  const settings = agentSettings.read(args, io.environment);
  toServeOptions(settings, io.environment, io.tell);
  const notes = agentSettings.strangeVariables(io.environment);
  if (args.includes("--json")) io.print(`${JSON.stringify({ settings, notes })}\n`);
  else {
    for (const [name, { text, source }] of Object.entries(settings)) io.print(`${name}: ${text}  (${source})\n`);
    for (const note of notes) io.print(`note: ${note}\n`);
  }
  return 0;
};
