import type { Visibility } from "../access/rights.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";

/**
 * A condition for rows with `namespace` and `name`, given as columns: what is public, and of what is private only what
 * is named.
 */
export function isVisible(namespace: Query, name: Query, { namespaces, patterns }: Visibility): Query {
  const listed = namespaces === "all" ? sql`1 = 1` : sql`${namespace} IN ${namespaces}`;
  const named =
    patterns.length === 0
      ? sql`1 = 1`
      : sql`EXISTS (SELECT 1 FROM ${patterns.map(toLike)} AS pattern WHERE ${name} LIKE pattern.value ESCAPE '!')`;
  return sql`(EXISTS (SELECT 1 FROM namespaces n WHERE n.name = ${namespace} AND n.private = 0)
    OR (${listed} AND ${named}))`;
}

/** Names and patterns are of small letters, digits and `._-/`, so that nothing hangs on how LIKE takes capitals. */
function toLike(pattern: string): string {
  return pattern.replaceAll("_", "!_").replaceAll("*", "%");
}
