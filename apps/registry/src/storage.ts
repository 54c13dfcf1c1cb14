import { join } from "node:path";
import { BlobDirectory, makeDirectory, tryLock } from "@cpm/store";
import type { Database } from "./database/database.ts";
import type { PostgresSettings } from "./database/postgres-settings.ts";
import { openSqliteDatabase } from "./database/sqlite-database.ts";
import { registryError } from "./errors.ts";
import { DirectoryObjects } from "./objects/directory-objects.ts";
import type { ObjectStorage } from "./objects/object-storage.ts";
import { S3Objects } from "./objects/s3-objects.ts";
import type { S3Settings } from "./objects/s3-settings.ts";

/** Where a registry keeps what it has: both in servers, or either in a directory. */
export interface StorageOptions {
  /** Needed for what is kept in no server. One process at a time has it. */
  readonly dataDirectory?: string | undefined;
  /** Keeps what is known. Default: SQLite, in the data directory. */
  readonly postgres?: PostgresSettings | undefined;
  /** Keeps the bytes of blobs. Default: files, in the data directory. */
  readonly s3?: S3Settings | undefined;
}

export interface Storage {
  readonly database: Database;
  readonly objects: ObjectStorage;
  /** Lets what is being written to the database end. */
  close(): Promise<void>;
}

/**
 * Opens database and objects. Where a directory has a part in it, it is locked for this process, which remembers
 * where uploads stand; with PostgreSQL and S3 there is none, and any number of processes serve the same. Throws
 * `registry-server/locked`, and what opening the database throws.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const lock = needsDirectory(options) ? lockDirectory(directoryOf(options)) : undefined;
  try {
    const objects = openObjects(options);
    const database = await openDatabase(options);
    return {
      database,
      objects,
      async close() {
        await database.close();
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

/** Whether something of it is kept in the data directory. */
export function needsDirectory({ postgres, s3 }: StorageOptions): boolean {
  return postgres === undefined || s3 === undefined;
}

/** The bytes of blobs: those of an S3, or else of a directory. */
export function openObjects({ dataDirectory, s3 }: StorageOptions): ObjectStorage {
  return s3 === undefined ? new DirectoryObjects(new BlobDirectory(directoryOf({ dataDirectory }))) : new S3Objects(s3);
}

/** What is known: the database of a PostgreSQL, or else of a directory. */
export async function openDatabase({ dataDirectory, postgres }: StorageOptions): Promise<Database> {
  if (postgres === undefined) return openSqliteDatabase(join(directoryOf({ dataDirectory }), "registry.db"));
  // Its driver takes longer to load than all that a registry of a directory needs.
  const { openPostgresDatabase } = await import("./database/postgres-database.ts");
  return openPostgresDatabase(postgres);
}

function lockDirectory(dataDirectory: string): { readonly release: () => void } {
  // What is private is in there, in files of its own.
  makeDirectory(dataDirectory, 0o700);
  const lock = tryLock(join(dataDirectory, "registry.lock"));
  if (lock === undefined) throw registryError("registry-server/locked", `another cpm-registry uses ${dataDirectory}`);
  return lock;
}

function directoryOf({ dataDirectory }: StorageOptions): string {
  if (dataDirectory === undefined) throw new TypeError("without PostgreSQL and S3 a data directory is needed");
  return dataDirectory;
}
