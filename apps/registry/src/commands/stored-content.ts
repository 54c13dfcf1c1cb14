import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "@cpm/store";
import type { Database } from "../database/database.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { openObjects } from "../objects/open-objects.ts";
import type { ServeOptions } from "../serve.ts";
import { UsageError } from "./usage-error.ts";

/** What a registry keeps, as a command has it. */
export interface StoredContent {
  readonly database: Database;
  readonly objects: ObjectStorage;
}

/** Works on what a registry keeps, also beside a server that runs on it. `make` makes one that is not there. */
export async function withContent<T>(
  options: ServeOptions,
  use: (content: StoredContent) => Promise<T>,
  make = false,
): Promise<T> {
  const path = join(options.dataDirectory, "registry.db");
  if (make) makeDirectory(options.dataDirectory, 0o700);
  else if (!existsSync(path)) throw new UsageError(`there is no registry in ${options.dataDirectory}`);
  const database = await openSqliteDatabase(path);
  try {
    return await use({ database, objects: openObjects(options) });
  } finally {
    await database.close();
  }
}
