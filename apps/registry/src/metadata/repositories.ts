import { namespaceOf } from "../access/namespaces.ts";
import type { Visibility } from "../access/rights.ts";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { isVisible } from "./visible-rows.ts";

/** The id of a repository, within another query: NULL where it is not there. */
export function repositoryIdOf(name: string): Query {
  return sql`(SELECT id FROM repositories WHERE name = ${name})`;
}

export async function hasRepository(reader: Reader, name: string): Promise<boolean> {
  return (await reader.get(sql`SELECT 1 FROM repositories WHERE name = ${name}`)) !== undefined;
}

export async function listRepositories(
  reader: Reader,
  visible: Visibility,
  last: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await reader.all<{ name: string }>(sql`
    SELECT r.name FROM repositories r WHERE ${isVisible(sql`r.namespace`, sql`r.name`, visible)} AND r.name > ${last}
    ORDER BY r.name LIMIT ${limit}`);
  return rows.map((row) => row.name);
}

/** Its namespace is there by the rules of access; in an open registry it comes with its first repository. */
export async function ensureRepository(transaction: Transaction, name: string, now: number): Promise<number> {
  const known = await transaction.get<{ id: number }>(sql`SELECT id FROM repositories WHERE name = ${name}`);
  if (known !== undefined) return known.id;
  await transaction.run(sql`
    INSERT INTO namespaces (name, private, created_at) VALUES (${namespaceOf(name)}, 0, ${now})
    ON CONFLICT (name) DO NOTHING`);
  const made = await transaction.get<{ id: number }>(
    sql`INSERT INTO repositories (name) VALUES (${name}) RETURNING id`,
  );
  if (made === undefined) throw new TypeError("what was inserted has an id");
  return made.id;
}
