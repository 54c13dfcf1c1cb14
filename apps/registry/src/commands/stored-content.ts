import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "@cpm/store";
import type { Database } from "../database/database.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { openDatabase, openObjects } from "../storage.ts";
import type { StorageOptions } from "../storage.ts";
import { UsageError } from "@cpm/service";

/** What a registry keeps, as a command has it. */
export interface StoredContent {
  readonly database: Database;
  readonly objects: ObjectStorage;
}

/** Works on what a registry keeps, also beside servers that run on it. `make` makes a directory that is not there. */
export async function withContent<T>(
  options: StorageOptions,
  use: (content: StoredContent) => Promise<T>,
  make = false,
): Promise<T> {
  const { dataDirectory } = options;
  if (dataDirectory !== undefined && make) makeDirectory(dataDirectory, 0o700);
  else if (options.postgres === undefined && !existsSync(join(dataDirectory ?? "", "registry.db")))
    throw new UsageError(`there is no registry in ${dataDirectory ?? "this directory"}`);
  const database = await openDatabase(options);
  try {
    return await use({ database, objects: openObjects(options) });
  } finally {
    await database.close();
  }
}
