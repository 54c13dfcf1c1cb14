import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** How many an actor has begun since and not ended; with no actor, how many there are of everybody. */
export async function countUploads(reader: Reader, of?: { actor: string; sinceMs: number }): Promise<number> {
  const own = of === undefined ? sql`` : sql`WHERE actor = ${of.actor} AND created_at >= ${of.sinceMs}`;
  return (await reader.get<{ count: number }>(sql`SELECT count(*) AS count FROM uploads ${own}`))?.count ?? 0;
}
