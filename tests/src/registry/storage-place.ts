import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { execute, sharedPostgresServer } from "./postgres-server.ts";
import type { S3Server } from "./s3-server.ts";
import { databaseFlags, objectFlags } from "./storage-flags.ts";

/** Where a registry keeps what it has, and how a person gets at it. */
export interface StoragePlace {
  /** Its data directory, with `args` beside it for what is elsewhere. */
  readonly data: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Of `blobs/` and `quarantine/`. */
  readonly folder: string;
  /** Runs a statement on its database. */
  readonly execute: (statement: string) => Promise<void>;
}

/** SQLite and a directory. */
export function inDirectory(folder: string): StoragePlace {
  return { data: folder, args: [], environment: {}, folder, execute: onSqlite(folder) };
}

let count = 0;

/** SQLite in a directory, and blobs in S3. */
export function inS3(folder: string, server: S3Server): StoragePlace {
  const { args, environment, folder: objects } = objectsOf(server);
  return { data: folder, args, environment, folder: objects, execute: onSqlite(folder) };
}

/** PostgreSQL and S3: nothing is in the directory. */
export async function inPostgres(folder: string, server: S3Server): Promise<StoragePlace> {
  const { args, environment, folder: objects } = objectsOf(server);
  const settings = await (await sharedPostgresServer()).createDatabase();
  return {
    data: folder,
    args: [...databaseFlags(settings), ...args],
    environment,
    folder: objects,
    execute: (statement) => execute(settings, statement),
  };
}

/** The files below a folder. */
export function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A prefix of its own in the server's bucket. */
function objectsOf(server: S3Server): Pick<StoragePlace, "args" | "environment" | "folder"> {
  const own = `place-${count++}/`;
  const settings = server.settings();
  const flags = objectFlags({ ...settings, prefix: `${settings.prefix}${own}` });
  return { ...flags, folder: join(server.folder, own) };
}

function onSqlite(folder: string): StoragePlace["execute"] {
  return async (statement) => {
    const database = new Database(join(folder, "registry.db"));
    try {
      database.run("PRAGMA busy_timeout = 10000");
      database.run(statement);
    } finally {
      database.close();
    }
  };
}
