import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "./database.ts";
import { openSqliteDatabase } from "./sqlite-database.ts";

/** A database of its own for one test, empty but for its tables. */
export interface DatabaseUnderTest {
  readonly database: Database;
  /** The same one once more, as another process has it. */
  readonly again: (waitMs?: number) => Promise<Database>;
  /** Closes what was opened, and leaves nothing. */
  readonly dispose: () => Promise<void>;
}

/** Every implementation: each passes the same suites. */
export const databasesUnderTest: readonly {
  readonly name: string;
  readonly open: () => Promise<DatabaseUnderTest>;
}[] = [{ name: "SQLite", open: openSqliteUnderTest }];

async function openSqliteUnderTest(): Promise<DatabaseUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-database-"));
  const path = join(folder, "registry.db");
  const opened: Database[] = [];
  const again = async (waitMs?: number): Promise<Database> => {
    const database = await openSqliteDatabase(path, waitMs);
    opened.push(database);
    return database;
  };
  return {
    database: await again(),
    again,
    async dispose() {
      for (const database of opened) await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
