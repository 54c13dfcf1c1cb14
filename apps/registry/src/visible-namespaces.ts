import type { SQLQueryBindings } from "bun:sqlite";
import type { Visibility } from "./access/rights.ts";

/**
 * A condition for rows with `namespace` and `name`, and its values: what is public, and of what is private only what
 * is named. Patterns are of letters that GLOB takes as they are, but for `*`, which means the same in both.
 */
export function visibleRows(table: string, { namespaces, patterns }: Visibility): [string, SQLQueryBindings[]] {
  const listed = namespaces === "all" ? "TRUE" : `${table}.namespace IN (SELECT value FROM json_each(?))`;
  const named =
    patterns.length === 0 ? "TRUE" : `EXISTS (SELECT 1 FROM json_each(?) j WHERE ${table}.name GLOB j.value)`;
  const condition = `(EXISTS (SELECT 1 FROM namespaces n WHERE n.name = ${table}.namespace AND n.private = 0)
    OR (${listed} AND ${named}))`;
  const values = [
    ...(namespaces === "all" ? [] : [JSON.stringify(namespaces)]),
    ...(patterns.length === 0 ? [] : [JSON.stringify(patterns)]),
  ];
  return [condition, values];
}
