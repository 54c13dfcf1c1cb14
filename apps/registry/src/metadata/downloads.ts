import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { FetchCount } from "../metadata.ts";

const dayMs = 24 * 60 * 60_000;
const recentDays = 90;

/** Of published versions; what else was fetched is no download. */
export async function addDownloads(transaction: Transaction, fetched: readonly FetchCount[], now: number) {
  const day = dayOf(now);
  for (const { repository, digest, count } of fetched) {
    const version = sql`
      FROM versions v JOIN packages p ON p.id = v.package_id WHERE p.name = ${repository} AND v.digest = ${digest}`;
    const added = await transaction.run(sql`
      INSERT INTO downloads (package_id, version, day, count)
      SELECT v.package_id, v.version, CAST(${day} AS BIGINT), CAST(${count} AS BIGINT) ${version}
      ON CONFLICT (package_id, version, day) DO UPDATE SET count = downloads.count + excluded.count`);
    if (added === 0) continue;
    await transaction.run(sql`
      UPDATE versions SET downloads = downloads + ${count}
      WHERE package_id = (SELECT id FROM packages WHERE name = ${repository}) AND digest = ${digest}`);
    await transaction.run(sql`
      UPDATE packages SET downloads = downloads + ${count}, recent_downloads = recent_downloads + ${count}
      WHERE name = ${repository}`);
  }
}

/** Takes what is no longer recent away from what is: each day once, whoever does it. */
export async function forgetOldDownloads(transaction: Transaction, now: number): Promise<void> {
  const old = sql`day <= ${dayOf(now) - recentDays}`;
  const present = await transaction.get(sql`SELECT 1 FROM downloads WHERE ${old} LIMIT 1`);
  if (present === undefined) return;
  await transaction.run(sql`
    UPDATE packages SET recent_downloads = recent_downloads - (
      SELECT CAST(sum(d.count) AS BIGINT) FROM downloads d WHERE d.package_id = packages.id AND ${old})
    WHERE id IN (SELECT package_id FROM downloads WHERE ${old})`);
  await transaction.run(sql`DELETE FROM downloads WHERE ${old}`);
}

function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}
