import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { SettingReader, UsageError } from "@cpm/service";
import { makeDirectory } from "@cpm/store";
import { createAccounts } from "../access/accounts.ts";
import type { Accounts } from "../access/accounts.ts";
import type { Author } from "../access/audit-log.ts";
import { readPostgres } from "../settings/postgres-options.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { openDatabase } from "../storage.ts";
import type { StorageOptions } from "../storage.ts";

/** What a command says to the world with. */
export interface CommandIo {
  /** Data. */
  readonly print: (text: string) => void;
  /** Messages. */
  readonly tell: (text: string) => void;
  /** A line without its end, for passwords: asked for without an echo on a terminal, else the first line of the input. */
  readonly readSecret: (question: string) => Promise<string>;
  readonly now: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Command lines `NOUN VERB …`: the verb and what it takes, as text and as a function of the rest. */
export interface Verb {
  readonly usage: string;
  readonly run: (args: readonly string[], io: CommandIo) => Promise<void>;
}

/** Runs the verb that the first argument names. */
export async function runVerb(
  noun: string,
  verbs: Readonly<Record<string, Verb>>,
  args: readonly string[],
  io: CommandIo,
): Promise<void> {
  const [name = "", ...rest] = args;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) throw new UsageError(`"${noun} ${name}" is none of: ${Object.keys(verbs).join(", ")}`);
  await verb.run(rest, io);
}

/** The flags of every command on accounts: where they are, and how to answer. */
export const accountOptions = {
  data: { type: "string" },
  database: { type: "string" },
  json: { type: "boolean" },
} as const;

/** Where the accounts are, as flags say it. */
export interface AccountFlags {
  readonly data?: string | undefined;
  readonly database?: string | undefined;
}

/** What flags, and else variables and the settings file, say of where a registry keeps what it knows. */
export function readLocation({ data, database }: AccountFlags, io: CommandIo): StorageOptions {
  const given = Object.entries({ data, database }).flatMap(([name, text]) =>
    text === undefined ? [] : [`--${name}`, text],
  );
  const reader = new SettingReader(registrySettings.read(given, io.environment));
  const [dataDirectory, postgres] = [reader.text("data") ?? "", readPostgres(reader)];
  if (postgres !== undefined) return { postgres };
  if (dataDirectory === "") throw new UsageError("--data or --database is missing");
  return { dataDirectory };
}

/**
 * Works on the accounts of a registry, also beside servers that run on it: each change is one transaction, and they
 * read them anew for every request. `make` makes a directory that is not there.
 */
export async function withAccounts<T>(
  flags: AccountFlags,
  io: CommandIo,
  use: (accounts: Accounts, by: Author) => Promise<T>,
  make = false,
): Promise<T> {
  const { dataDirectory, postgres } = readLocation(flags, io);
  if (dataDirectory !== undefined && make) makeDirectory(dataDirectory, 0o700);
  else if (dataDirectory !== undefined && !existsSync(join(dataDirectory, "registry.db")))
    throw new UsageError(`there is no registry in ${dataDirectory}`);
  const database = await openDatabase({ dataDirectory, postgres });
  try {
    return await use(createAccounts(database, io.now), { actor: `local:${userInfo().username}`, requestId: "command" });
  } finally {
    await database.close();
  }
}

/** Exactly these positional arguments. */
export function positionalsOf(positionals: readonly string[], ...names: readonly string[]): readonly string[] {
  const missing = names[positionals.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = positionals[names.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
  return positionals;
}

/** One object as JSON, or lines for people. */
export function printResult(io: CommandIo, json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  if (json === true) io.print(`${JSON.stringify(value)}\n`);
  else for (const line of lines) io.print(`${line}\n`);
}
