import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";

export async function insertUpload(
  transaction: Transaction,
  id: string,
  repository: string,
  actor: string,
  now: number,
): Promise<void> {
  await transaction.run(
    sql`INSERT INTO uploads (id, repository, actor, created_at) VALUES (${id}, ${repository}, ${actor}, ${now})`,
  );
}

/** Those without an actor were begun before there were any. */
export async function hasUpload(reader: Reader, id: string, repository: string, actor: string): Promise<boolean> {
  const row = await reader.get(
    sql`SELECT 1 FROM uploads WHERE id = ${id} AND repository = ${repository} AND actor IN (${actor}, '')`,
  );
  return row !== undefined;
}

/** How many an actor has begun since and not ended; with no actor, how many there are of everybody. */
export async function countUploads(reader: Reader, of?: { actor: string; sinceMs: number }): Promise<number> {
  const own = of === undefined ? sql`` : sql`WHERE actor = ${of.actor} AND created_at >= ${of.sinceMs}`;
  return (await reader.get<{ count: number }>(sql`SELECT count(*) AS count FROM uploads ${own}`))?.count ?? 0;
}

export async function deleteUpload(transaction: Transaction, id: string): Promise<void> {
  await transaction.run(sql`DELETE FROM uploads WHERE id = ${id}`);
}
