import { registryError } from "../errors.ts";
import initialMigration from "./migrations/sqlite/0001-initial.sql" with { type: "text" };
import accessMigration from "./migrations/sqlite/0002-access.sql" with { type: "text" };
import publishersMigration from "./migrations/sqlite/0003-publishers.sql" with { type: "text" };
import objectsMigration from "./migrations/sqlite/0004-objects.sql" with { type: "text" };
import jobsMigration from "./migrations/sqlite/0005-jobs.sql" with { type: "text" };
import downloadsMigration from "./migrations/sqlite/0006-downloads.sql" with { type: "text" };
import scrubMigration from "./migrations/sqlite/0007-scrub.sql" with { type: "text" };
import facetsMigration from "./migrations/sqlite/0008-facets.sql" with { type: "text" };
import challengesMigration from "./migrations/sqlite/0009-challenges.sql" with { type: "text" };
import changesMigration from "./migrations/sqlite/0010-changes.sql" with { type: "text" };
import mirrorMigration from "./migrations/sqlite/0011-mirror.sql" with { type: "text" };
import reviewsMigration from "./migrations/sqlite/0012-reviews.sql" with { type: "text" };
import withdrawalsMigration from "./migrations/sqlite/0013-withdrawals.sql" with { type: "text" };
import webhooksMigration from "./migrations/sqlite/0014-webhooks.sql" with { type: "text" };
import similarNamesMigration from "./migrations/sqlite/0015-similar-names.sql" with { type: "text" };
import { sql } from "./sql.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** Numbered, never changed once released; the database remembers how many were run. */
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

/** Throws `registry-server/layout-version` for a database of a newer registry. */
export function needsMigration(connection: SqliteConnection): boolean {
  const done = connection.get<{ user_version: number }>(sql`PRAGMA user_version`)?.user_version ?? 0;
  if (done <= migrations.length) return done < migrations.length;
  throw registryError(
    "registry-server/layout-version",
    `the database has version ${done}; this registry knows ${migrations.length}`,
  );
}

/** Needs a transaction around it, in which it looks again: somebody else may have migrated meanwhile. */
export function migrate(connection: SqliteConnection): void {
  const done = connection.get<{ user_version: number }>(sql`PRAGMA user_version`)?.user_version ?? 0;
  for (const migration of migrations.slice(done)) connection.exec(migration);
  if (done < migrations.length) connection.exec(`PRAGMA user_version = ${migrations.length}`);
}
