import { registryError } from "../errors.ts";

/** What a column holds. A truth is kept as 0 or 1, a time in milliseconds since the epoch. */
export type SqlValue = string | number | null | Uint8Array;

/**
 * Stands in a query for a table with one column, `value`: `digest IN ${digests}`, `FROM ${tags} AS tag`. However long
 * it is, the query's text is the same, so that it is prepared once.
 */
export type SqlList = readonly string[];

/** A statement, or a piece of one: text, with values between. No value ever becomes text. */
export class Query {
  /** One more than there are values. */
  readonly parts: readonly string[];
  readonly values: readonly (SqlValue | SqlList)[];

  constructor(parts: readonly string[], values: readonly (SqlValue | SqlList)[]) {
    this.parts = parts;
    this.values = values;
  }
}

/**
 * `sql` followed by a template: a query of its values, into which other queries are fitted as they are. Throws
 * `registry-server/text-invalid` for a text with a NUL character: not every database can keep one.
 */
export function sql(strings: TemplateStringsArray, ...values: readonly (SqlValue | SqlList | Query)[]): Query {
  const parts = [strings[0] ?? ""];
  const flat: (SqlValue | SqlList)[] = [];
  for (const [index, value] of values.entries()) {
    const following = strings[index + 1] ?? "";
    if (value instanceof Query) {
      const [first = "", ...rest] = value.parts;
      parts.push(`${parts.pop() ?? ""}${first}`, ...rest);
      parts.push(`${parts.pop() ?? ""}${following}`);
      flat.push(...value.values);
    } else {
      assertKeepable(value);
      parts.push(following);
      flat.push(value);
    }
  }
  return new Query(parts, flat);
}

function assertKeepable(value: SqlValue | SqlList): void {
  const texts = isSqlList(value) ? value : [value];
  if (texts.some((text) => typeof text === "string" && text.includes("\0")))
    throw registryError("registry-server/text-invalid", "a text has a NUL character in it");
}

/** A value is a list when it is not one of the others. */
export function isSqlList(value: SqlValue | SqlList): value is SqlList {
  return Array.isArray(value);
}
