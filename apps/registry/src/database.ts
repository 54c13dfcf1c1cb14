import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync } from "node:fs";
import { registryError } from "./errors.ts";
import initialMigration from "./migrations/0001-initial.sql" with { type: "text" };
import accessMigration from "./migrations/0002-access.sql" with { type: "text" };
import publishersMigration from "./migrations/0003-publishers.sql" with { type: "text" };
import objectsMigration from "./migrations/0004-objects.sql" with { type: "text" };

/** Numbered, never changed once released; the database remembers how many were run. */
const migrations: readonly string[] = [initialMigration, accessMigration, publishersMigration, objectsMigration];

/**
 * Opens or makes the database, which several processes may have open: a server, and commands beside it. Throws
 * `registry-server/database`, and `registry-server/layout-version` for a newer one.
 */
export function openDatabase(path: string): Database {
  let database: Database | undefined;
  try {
    database = new Database(path, { create: true, strict: true });
    // It holds the hashes of passwords and the key of access tokens.
    chmodSync(path, 0o600);
    database.run("PRAGMA busy_timeout = 10000");
    database.run("PRAGMA journal_mode = WAL");
    // What was answered must survive a power cut.
    database.run("PRAGMA synchronous = FULL");
    database.run("PRAGMA foreign_keys = ON");
    migrate(database);
    return database;
  } catch (cause) {
    database?.close();
    if (!(cause instanceof SQLiteError)) throw cause;
    throw registryError("registry-server/database", `${path} cannot be opened: ${cause.message}`, undefined, cause);
  }
}

/** Takes the right to write before it looks, so that two who open at once do not both migrate. */
function migrate(database: Database): void {
  database
    .transaction(() => {
      const done = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
      if (done > migrations.length) {
        throw registryError(
          "registry-server/layout-version",
          `the database has version ${done}; this registry knows ${migrations.length}`,
        );
      }
      for (const migration of migrations.slice(done)) database.run(migration);
      database.run(`PRAGMA user_version = ${migrations.length}`);
    })
    .immediate();
}
