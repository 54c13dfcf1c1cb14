import { existsSync } from "node:fs";
import { join } from "node:path";
import { readSettings, withoutSecrets } from "../settings/read-settings.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { settingNames, variableOf } from "../settings/setting-table.ts";
import { assertServable } from "../serve.ts";
import { printResult, withAccounts } from "./command.ts";
import type { CommandIo, Verb } from "./command.ts";

export const configVerbs: Readonly<Record<string, Verb>> = {
  check: {
    usage: "config check [the flags of serve] [--json]",
    async run(args, io) {
      const settings = readSettings(args, io.environment);
      const options = toServeOptions(settings, io.tell);
      assertServable(options);
      const notes = [...(await noteOnUsers(options.dataDirectory, options.access, io)), ...notesOnVariables(io)];
      const shown = withoutSecrets(settings);
      const lines = Object.entries(shown).map(([name, { text, source }]) => `${name}: ${text}  (${source})`);
      printResult(io, args.includes("--json"), { settings: shown, notes }, [
        ...lines,
        ...notes.map((note) => `note: ${note}`),
      ]);
    },
  },
};

/** What the data directory says to the settings. Throws `registry-server/not-open` as the server would. */
async function noteOnUsers(
  dataDirectory: string,
  access: string | undefined,
  io: CommandIo,
): Promise<readonly string[]> {
  const path = join(dataDirectory, "registry.db");
  const users = existsSync(path) && (await withAccounts(dataDirectory, io, (accounts) => accounts.users.any()));
  if (users && access === "open") return ["the directory has users: serve would refuse to open it to everybody"];
  if (users || access === "open") return [];
  return [`there are no users: make one with cpm-registry user add NAME --admin --data ${dataDirectory}`];
}

/** One that only looks like ours may be a slip of the pen. */
function notesOnVariables({ environment }: CommandIo): readonly string[] {
  const known = new Set(["CPM_REGISTRY", "CPM_REGISTRY_CONFIG", ...settingNames.map(variableOf)]);
  return Object.keys(environment)
    .filter((name) => name.startsWith("CPM_REGISTRY") && !known.has(name))
    .map((name) => `${name} is set and is none of this program's variables`);
}
