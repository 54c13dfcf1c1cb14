import { chmodSync, constants, copyFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "@cpm/base";
import { makeDirectory, removeFile } from "@cpm/store";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import { describePostgres } from "../database/postgres-settings.ts";
import { hasOwnBackup } from "../errors.ts";
import { accountOptions, positionalsOf, printResult, readLocation } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { UsageError } from "./usage-error.ts";

export const backupUsage = "backup --to DIR --data DIR [--json]";

/**
 * Copies a data directory, also beside a server that runs: the database first, as it is at one moment, and then the
 * blobs, which are there before the database names them and are never changed. What an earlier backup to the same
 * place has is not copied again. Uploads under way are left out. A copy can be served as it is.
 */
export async function backup(args: readonly string[], io: CommandIo): Promise<void> {
  const options = { ...accountOptions, to: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  positionalsOf(positionals);
  const { to = "" } = values;
  if (to === "") throw new UsageError("--to is missing");
  const { dataDirectory: data = "", postgres } = readLocation(values, io);
  if (postgres !== undefined) throw hasOwnBackup(describePostgres(postgres));
  if (!isFile(join(data, "registry.db"))) throw new UsageError(`there is no registry in "${data}"`);
  makeDirectory(to, 0o700);
  await copyDatabase(data, to);
  const { files, sizeBytes } = copyBlobs(join(data, "blobs"), join(to, "blobs"));
  const line = `${to} has everything: ${files} blobs (${formatBytes(sizeBytes)}) were copied`;
  printResult(io, values.json, { to, copiedBlobs: files, copiedBytes: sizeBytes }, [line]);
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const [temporary, target] = [join(to, "registry.db.new"), join(to, "registry.db")];
  removeFile(temporary);
  const database = await openSqliteDatabase(join(from, "registry.db"));
  try {
    await database.copyTo(temporary);
  } finally {
    await database.close();
  }
  chmodSync(temporary, 0o600);
  // Of a copy that was served: the new database begins without them.
  for (const suffix of ["-wal", "-shm"]) removeFile(`${target}${suffix}`);
  renameSync(temporary, target);
}

function copyBlobs(from: string, to: string): { readonly files: number; readonly sizeBytes: number } {
  let [files, sizeBytes] = [0, 0];
  for (const algorithm of isFolder(from) ? readdirSync(from) : []) {
    makeDirectory(join(to, algorithm));
    for (const name of readdirSync(join(from, algorithm))) {
      const [source, target] = [join(from, algorithm, name), join(to, algorithm, name)];
      const found = statSync(source);
      const { size } = found;
      const copied = statSync(target, { throwIfNoEntry: false });
      // One that was damaged has been replaced since.
      if (copied?.size === size && copied.mtimeMs >= found.mtimeMs) continue;
      // Under its own name only when it is whole.
      copyFileSync(source, `${target}.new`, constants.COPYFILE_FICLONE);
      renameSync(`${target}.new`, target);
      files++;
      sizeBytes += size;
    }
  }
  return { files, sizeBytes };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
