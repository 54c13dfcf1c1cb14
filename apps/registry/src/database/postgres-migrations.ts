import { registryError } from "../errors.ts";
import initialMigration from "./migrations/postgres/0001-initial.sql" with { type: "text" };
import accessMigration from "./migrations/postgres/0002-access.sql" with { type: "text" };
import publishersMigration from "./migrations/postgres/0003-publishers.sql" with { type: "text" };
import objectsMigration from "./migrations/postgres/0004-objects.sql" with { type: "text" };
import jobsMigration from "./migrations/postgres/0005-jobs.sql" with { type: "text" };
import downloadsMigration from "./migrations/postgres/0006-downloads.sql" with { type: "text" };
import scrubMigration from "./migrations/postgres/0007-scrub.sql" with { type: "text" };
import facetsMigration from "./migrations/postgres/0008-facets.sql" with { type: "text" };
import challengesMigration from "./migrations/postgres/0009-challenges.sql" with { type: "text" };
import changesMigration from "./migrations/postgres/0010-changes.sql" with { type: "text" };
import mirrorMigration from "./migrations/postgres/0011-mirror.sql" with { type: "text" };
import reviewsMigration from "./migrations/postgres/0012-reviews.sql" with { type: "text" };
import withdrawalsMigration from "./migrations/postgres/0013-withdrawals.sql" with { type: "text" };
import webhooksMigration from "./migrations/postgres/0014-webhooks.sql" with { type: "text" };
import similarNamesMigration from "./migrations/postgres/0015-similar-names.sql" with { type: "text" };
import type { PostgresConnection } from "./postgres-connection.ts";
import { sql } from "./sql.ts";

/** Numbered, never changed once released, each the twin of SQLite's; the database remembers which were run. */
const migrations: readonly string[] = [
  initialMigration,
  accessMigration,
  publishersMigration,
  objectsMigration,
  jobsMigration,
  downloadsMigration,
  scrubMigration,
  facetsMigration,
  challengesMigration,
  changesMigration,
  mirrorMigration,
  reviewsMigration,
  withdrawalsMigration,
  webhooksMigration,
  similarNamesMigration,
];

/** A number of ours that no other program that uses the same database is likely to lock. */
const migrationLock = 0x63_70_6d_31;
const maxMigrationMs = 60 * 60_000;

/**
 * Brings the database to the newest version of the schema, all of it or nothing. Replicas that start at once do this
 * one after another. Throws `registry-server/layout-version` for a database of a newer registry.
 */
export async function migrate(connection: PostgresConnection): Promise<void> {
  if (await isMigrated(connection)) return;
  // Each statement is to see what whoever had the lock before has written.
  await connection.exec("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0");
  try {
    await connection.exec(`SELECT pg_advisory_xact_lock(${migrationLock})`, maxMigrationMs);
    await runMissing(connection);
    await connection.exec("COMMIT");
  } catch (error) {
    if (connection.usable) await connection.exec("ROLLBACK");
    throw error;
  }
}

/** Throws `registry-server/layout-version` as well. */
export async function isMigrated(connection: PostgresConnection): Promise<boolean> {
  return (await versionOf(connection)) === migrations.length;
}

async function runMissing(connection: PostgresConnection): Promise<void> {
  const done = await versionOf(connection);
  if (done === 0) await connection.exec("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY)");
  for (const [index, migration] of migrations.entries()) {
    if (index < done) continue;
    await connection.exec(migration, maxMigrationMs);
    await connection.run(sql`INSERT INTO schema_versions (version) VALUES (${index + 1})`);
  }
}

/** How many migrations were run; refuses more than are known. */
async function versionOf(connection: PostgresConnection): Promise<number> {
  // By a query, and not by name alone: of names a session remembers for a while which ones are not there.
  const tables = await connection.all(sql`
    SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_versions'`);
  if (tables.length === 0) return 0;
  const [row] = await connection.all<{ done: number }>(sql`SELECT count(*) AS done FROM schema_versions`);
  const done = row?.done ?? 0;
  if (done <= migrations.length) return done;
  throw registryError(
    "registry-server/layout-version",
    `the database has version ${done}; this registry knows ${migrations.length}`,
  );
}
