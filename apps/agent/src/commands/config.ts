import { readSettings } from "../settings/read-settings.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { settingNames, variableOf } from "../settings/setting-table.ts";
import type { Command } from "./command.ts";
import { UsageError } from "./usage-error.ts";

/** Says what `serve` would be started with, and where each setting is from. Nothing is opened. */
export const config: Command = async ([verb = "", ...args], io) => {
  if (verb !== "check") throw new UsageError(`"config ${verb}" is none of: check`);
  const settings = readSettings(args, io.environment);
  toServeOptions(settings, io.environment, io.tell);
  const known = new Set(["CPM_AGENT_CONFIG", ...settingNames.map(variableOf)]);
  const notes = Object.keys(io.environment)
    .filter((name) => name.startsWith("CPM_AGENT_") && !known.has(name))
    .map((name) => `${name} is set and is none of this program's variables`);
  if (args.includes("--json")) io.print(`${JSON.stringify({ settings, notes })}\n`);
  else {
    for (const [name, { text, source }] of Object.entries(settings)) io.print(`${name}: ${text}  (${source})\n`);
    for (const note of notes) io.print(`note: ${note}\n`);
  }
  return 0;
};
