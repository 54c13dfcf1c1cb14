import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { makeDirectory } from "@cpm/store";
import { createAccounts } from "../access/accounts.ts";
import type { Accounts } from "../access/accounts.ts";
import type { Author } from "../access/audit-log.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import { variableOf } from "../settings/setting-table.ts";
import { UsageError } from "./usage-error.ts";

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

/**
 * Works on the accounts of a data directory, also beside a server that runs on it: each change is one transaction,
 * and the server reads them anew for every request. `make` makes a directory that is not there.
 */
export async function withAccounts<T>(
  dataDirectory: string | undefined,
  io: CommandIo,
  use: (accounts: Accounts, by: Author) => Promise<T>,
  make = false,
): Promise<T> {
  const folder = dataDirectory ?? io.environment[variableOf("data")] ?? "";
  if (folder === "") throw new UsageError("--data is missing");
  const path = join(folder, "registry.db");
  if (make) makeDirectory(folder, 0o700);
  else if (!existsSync(path)) throw new UsageError(`there is no registry in ${folder}`);
  const database = await openSqliteDatabase(path);
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
