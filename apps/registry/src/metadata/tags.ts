import type { Digest } from "@cpm/base";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { repositoryIdOf } from "./repositories.ts";

/** In the order of their bytes, whatever language the database is set to: a page ends where the next one begins. */
export async function listTags(
  reader: Reader,
  repository: string,
  last: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await reader.all<{ name: string }>(sql`
    SELECT name FROM tags WHERE repository_id = ${repositoryIdOf(repository)} AND name > ${last}
    ORDER BY name LIMIT ${limit}`);
  return rows.map((row) => row.name);
}

/** Which of the tags do not point to this manifest yet. */
export async function tagsElsewhere(
  reader: Reader,
  repository: string,
  tags: readonly string[],
  digest: Digest,
): Promise<readonly string[]> {
  const rows = await reader.all<{ name: string }>(sql`
    SELECT name FROM tags
    WHERE repository_id = ${repositoryIdOf(repository)} AND name IN ${tags} AND digest = ${digest}`);
  const here = new Set(rows.map((row) => row.name));
  return tags.filter((tag) => !here.has(tag));
}

/** What the tags point to that is something else, within another query. */
export function taggedOtherwise(repository: string, tags: readonly string[], digest: Digest): Query {
  return sql`(SELECT digest FROM tags
    WHERE repository_id = ${repositoryIdOf(repository)} AND name IN ${tags} AND digest <> ${digest})`;
}

export async function pointTags(
  transaction: Transaction,
  repositoryId: number,
  tags: readonly string[],
  digest: Digest,
  now: number,
): Promise<void> {
  if (tags.length === 0) return;
  await transaction.run(sql`
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT r.id, tag.value, CAST(${digest} AS TEXT), CAST(${now} AS BIGINT)
    FROM repositories r CROSS JOIN ${[...new Set(tags)]} AS tag WHERE r.id = ${repositoryId}
    ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at`);
}
