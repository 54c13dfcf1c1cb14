import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "../database/database.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";

/** A database of its own for one test, empty but for its tables. */
export interface DatabaseUnderTest {
  readonly database: Database;
  /** The same one once more, as another process has it. */
  readonly again: (waitMs?: number) => Promise<Database>;
  /** Closes what was opened, and leaves nothing. */
  readonly dispose: () => Promise<void>;
}

/** An implementation: each passes the same suites. */
export interface DatabaseKind {
  readonly name: string;
  readonly open: () => Promise<DatabaseUnderTest>;
}

export const sqliteUnderTest: DatabaseKind = {
  name: "SQLite",
  async open() {
    const folder = mkdtempSync(join(tmpdir(), "cpm-database-"));
    return databaseUnderTest(
      (waitMs) => openSqliteDatabase(join(folder, "registry.db"), waitMs),
      () => rmSync(folder, { recursive: true, force: true }),
    );
  },
};

/** One that `open` opens any number of times; `remove` comes after all of them were closed. */
export async function databaseUnderTest(
  open: (waitMs?: number) => Promise<Database>,
  remove: () => void = () => undefined,
): Promise<DatabaseUnderTest> {
  const opened: Database[] = [];
  const again = async (waitMs?: number): Promise<Database> => {
    const database = await open(waitMs);
    opened.push(database);
    return database;
  };
  return {
    database: await again(),
    again,
    async dispose() {
      for (const database of opened) await database.close();
      remove();
    },
  };
}
