import { chmodSync, constants, copyFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { BlobDirectory, makeDirectory, removeFile, systemCode } from "@cpm/store";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import { describePostgres } from "../database/postgres-settings.ts";
import { hasOwnBackup } from "../errors.ts";
import { accountOptions, positionalsOf, printResult, readLocation } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { UsageError } from "@cpm/service";

export const backupUsage = "backup --to DIR --data DIR [--json]";

const checkedAtOnce = 1000;

/**
 * Copies a data directory, also beside a server that runs: the database first, as it is at one moment, and then the
 * blobs, which are there before the database names them, are never changed, and are collected only long after nothing
 * needs them. What an earlier backup to the same place has is not copied again. Uploads under way are left out. A copy
 * can be served as it is; until this one is done, the place has the earlier one.
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
  const copy = join(to, "registry.db.new");
  await copyDatabase(join(data, "registry.db"), copy);
  const { files, sizeBytes } = copyBlobs(join(data, "blobs"), join(to, "blobs"));
  // Where there is none, they are in S3.
  const missing = isFolder(join(data, "blobs")) ? await findMissing(copy, new BlobDirectory(to)) : 0;
  finishDatabase(copy, join(to, "registry.db"));
  const line = `${to} has ${missing === 0 ? "everything" : "what there was"}: ${files} blobs (${formatBytes(sizeBytes)}) were copied`;
  printResult(io, values.json, { to, copiedBlobs: files, copiedBytes: sizeBytes, missingBlobs: missing }, [line]);
  if (missing > 0)
    io.tell(`warning: ${missing} blobs that manifests need were not there: see cpm-registry scrub, or back up again\n`);
}

async function copyDatabase(from: string, temporary: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) removeFile(`${temporary}${suffix}`);
  const database = await openSqliteDatabase(from);
  try {
    await database.copyTo(temporary);
  } finally {
    await database.close();
  }
  chmodSync(temporary, 0o600);
}

function finishDatabase(temporary: string, target: string): void {
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
      const found = statSync(source, { throwIfNoEntry: false });
      // Collected since the folder was read.
      if (found === undefined) continue;
      const { size } = found;
      const copied = statSync(target, { throwIfNoEntry: false });
      // One that was damaged has been replaced since.
      if (copied?.size === size && copied.mtimeMs >= found.mtimeMs) continue;
      if (!copyFile(source, target)) continue;
      files++;
      sizeBytes += size;
    }
  }
  return { files, sizeBytes };
}

/** False when the source is gone by now. */
function copyFile(source: string, target: string): boolean {
  try {
    // Under its own name only when it is whole.
    copyFileSync(source, `${target}.new`, constants.COPYFILE_FICLONE);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
  renameSync(`${target}.new`, target);
  return true;
}

/** How many blobs that a manifest needs are not in the copy, or not whole. */
async function findMissing(path: string, blobs: BlobDirectory): Promise<number> {
  const database = await openSqliteDatabase(path);
  try {
    let missing = 0;
    for (let last: string | undefined = ""; last !== undefined;) {
      const page: readonly NeededBlob[] = await neededAfter(database, last);
      missing += page.filter(({ digest, size_bytes }) => blobs.stat(digest)?.sizeBytes !== size_bytes).length;
      last = page.at(-1)?.digest;
    }
    return missing;
  } finally {
    await database.close();
  }
}

interface NeededBlob {
  readonly digest: Digest;
  readonly size_bytes: number;
}

function neededAfter(database: Database, last: string): Promise<readonly NeededBlob[]> {
  return database.all<NeededBlob>(sql`
    SELECT b.digest, b.size_bytes FROM blobs b WHERE b.digest > ${last} AND EXISTS (
      SELECT 1 FROM repository_blobs rb
      JOIN manifest_contents c ON c.repository_id = rb.repository_id AND c.digest = rb.digest
      WHERE rb.digest = b.digest) ORDER BY b.digest LIMIT ${checkedAtOnce}`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
