import { afterAll, describe, expect, test } from "bun:test";
import {
  databaseUnderTest,
  openPostgresDatabase,
  sql,
  sqliteUnderTest,
  testChanges,
  testCollection,
  testCollectionRaces,
  testDatabase,
  testJobs,
  testMetadata,
  testMirrorRecords,
  testScrubRecords,
  testSqlUploadRecords,
  testSimilarNames,
  testWithdrawals,
  testWebhooks,
} from "@cpm/registry/testing/databases";
import type { Database, DatabaseKind } from "@cpm/registry/testing/databases";
import { execute, sharedPostgresServer, whyNoPostgres } from "./postgres-server.ts";
import { codeOf } from "./testing.ts";

const reason = whyNoPostgres();
if (reason !== undefined) process.stdout.write(`PostgreSQL does not run: ${reason}\n`);

test.skipIf(process.env["CI"] === undefined)("a PostgreSQL is there", () => expect(reason).toBeUndefined());

const postgresUnderTest: DatabaseKind = {
  name: "PostgreSQL",
  async open() {
    const settings = await (await sharedPostgresServer()).createDatabase();
    return databaseUnderTest((waitMs) => openPostgresDatabase(settings, waitMs));
  },
};

if (reason === undefined) {
  testDatabase(postgresUnderTest);
  testMetadata(postgresUnderTest);
  testSimilarNames(postgresUnderTest);
  testWithdrawals(postgresUnderTest);
  testChanges(postgresUnderTest);
  testMirrorRecords(postgresUnderTest);
  testJobs(postgresUnderTest);
  testScrubRecords(postgresUnderTest);
  testCollection(postgresUnderTest);
  testCollectionRaces(postgresUnderTest);
  testSqlUploadRecords(postgresUnderTest);
  testWebhooks(postgresUnderTest);
}

describe.skipIf(reason !== undefined)("the schema in PostgreSQL", () => {
  const opened: Database[] = [];
  afterAll(async () => {
    for (const database of opened) await database.close();
  });

  test("is made once by replicas that start at once, and not touched by those that start later", async () => {
    const settings = await (await sharedPostgresServer()).createEmptyDatabase();
    const replicas = await Promise.all(Array.from({ length: 8 }, () => openPostgresDatabase(settings)));
    opened.push(...replicas);
    const versions = sql`SELECT version FROM schema_versions ORDER BY version`;
    const rows = await replicas[0]?.all<{ version: number }>(versions);
    expect(rows?.map((row) => row.version)).toEqual(Array.from({ length: rows?.length ?? 0 }, (_, index) => index + 1));
    opened.push(await openPostgresDatabase(settings));
    expect(await replicas[0]?.all<{ version: number }>(versions)).toEqual(rows);
  });

  test("of a newer registry is refused", async () => {
    const settings = await (await sharedPostgresServer()).createDatabase();
    await execute(settings, "INSERT INTO schema_versions SELECT max(version) + 1 FROM schema_versions");
    await expect(openPostgresDatabase(settings)).rejects.toMatchObject({ code: "registry-server/layout-version" });
  });

  test("has the tables and columns that SQLite has, but for how words are found", async () => {
    const [postgres, sqlite] = [await postgresUnderTest.open(), await sqliteUnderTest.open()];
    try {
      const ofPostgres = await postgres.database.all<{ name: string }>(sql`
        SELECT table_name || '.' || column_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT IN ('schema_versions', 'package_search')`);
      const ofSqlite = await sqlite.database.all<{ name: string }>(sql`
        SELECT t.name || '.' || c.name AS name FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'package_search%'`);
      const names = (rows: readonly { name: string }[]) => rows.map(({ name }) => name).toSorted();
      expect(names(ofPostgres)).toEqual(names(ofSqlite));
      expect(ofPostgres.length).toBeGreaterThan(50);
    } finally {
      await postgres.dispose();
      await sqlite.dispose();
    }
  });

  test("lets nobody empty the audit log", async () => {
    const settings = await (await sharedPostgresServer()).createDatabase();
    await expect(execute(settings, "TRUNCATE audit")).rejects.toThrow("append-only");
  });
});

describe.skipIf(reason !== undefined)("the connections to PostgreSQL", () => {
  test("are as many as are set, and who finds none in time is told so", async () => {
    const settings = { ...(await (await sharedPostgresServer()).createDatabase()), connections: 2 };
    const [database, impatient] = [await openPostgresDatabase(settings), await openPostgresDatabase(settings, 50)];
    const hold = Promise.withResolvers<void>();
    try {
      const sleeping = Array.from({ length: 10 }, () => database.all<{ pid: number }>(whoSleeps));
      const pids = (await Promise.all(sleeping)).flat().map(({ pid }) => pid);
      expect(new Set(pids).size).toBe(2);
      const lent = [1, 2].map(() => impatient.transact(() => hold.promise));
      expect(await codeOf(impatient.get(whoSleeps))).toBe("registry-server/database-busy");
      hold.resolve();
      await Promise.all(lent);
      expect(await impatient.all(whoSleeps)).toHaveLength(1);
    } finally {
      hold.resolve();
      await database.close();
      await impatient.close();
    }
  });
});

const whoSleeps = sql`SELECT pg_backend_pid() AS pid, CAST(pg_sleep(0.01) AS TEXT) AS slept`;
