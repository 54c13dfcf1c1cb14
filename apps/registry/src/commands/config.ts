import { existsSync } from "node:fs";
import { join } from "node:path";
import { createAccounts } from "../access/accounts.ts";
import type { Database } from "../database/database.ts";
import type { PostgresSettings } from "../database/postgres-settings.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { assertServable } from "../serve.ts";
import type { ServeOptions } from "../serve.ts";
import { openDatabase } from "../storage.ts";
import { printResult } from "./command.ts";
import type { CommandIo, Verb } from "./command.ts";

export const configVerbs: Readonly<Record<string, Verb>> = {
  check: {
    usage: "config check [the flags of serve] [--json]",
    async run(args, io) {
      const settings = registrySettings.read(args, io.environment);
      const options = toServeOptions(settings, io.tell);
      assertServable(options);
      const notes = [...(await noteOnUsers(options, io)), ...notesOnVariables(io)];
      const shown = registrySettings.withoutSecrets(settings);
      const lines = Object.entries(shown).map(([name, { text, source }]) => `${name}: ${text}  (${source})`);
      printResult(io, args.includes("--json"), { settings: shown, notes }, [
        ...lines,
        ...notes.map((note) => `note: ${note}`),
      ]);
    },
  },
};

/** What the database says to the settings. Throws where the server could not reach it; changes nothing. */
async function noteOnUsers({ dataDirectory = "", postgres, access }: ServeOptions, io: CommandIo): Promise<string[]> {
  const where = postgres === undefined ? `--data ${dataDirectory}` : "--database URL";
  const database = postgres === undefined ? await openSqlite(dataDirectory) : await openMigrated(postgres);
  const users = database !== undefined && (await anyUser(database, io));
  if (users && access === "open") return ["the registry has users: serve would refuse to open it to everybody"];
  if (users || access === "open") return [];
  return [`there are no users: make one with cpm-registry user add NAME --admin ${where}`];
}

async function openSqlite(dataDirectory: string): Promise<Database | undefined> {
  return existsSync(join(dataDirectory, "registry.db")) ? openDatabase({ dataDirectory }) : undefined;
}

async function openMigrated(postgres: PostgresSettings): Promise<Database | undefined> {
  const { isCurrent } = await import("../database/postgres-database.ts");
  return (await isCurrent(postgres)) ? openDatabase({ postgres }) : undefined;
}

async function anyUser(database: Database, io: CommandIo): Promise<boolean> {
  try {
    return await createAccounts(database, io.now).users.any();
  } finally {
    await database.close();
  }
}

/** One that only looks like ours may be a slip of the pen. */
function notesOnVariables({ environment }: CommandIo): readonly string[] {
  return registrySettings.strangeVariables(environment, "CPM_REGISTRY");
}
