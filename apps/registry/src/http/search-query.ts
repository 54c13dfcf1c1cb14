import { registryError } from "../errors.ts";
import type { SearchFilters, SearchQuery } from "../metadata.ts";

/** A filter as addresses have it: may be repeated, and every one of them has to hold. */
interface FilterField {
  readonly key: string;
  /** Of a value, for browsers too: they take it with the flag `v`, in which a dash of a class is escaped. */
  readonly pattern: string;
  readonly maxLength: number;
  /** What a value is, for who wrote something else. */
  readonly expected: string;
}

export const filterFields: Readonly<Record<keyof SearchFilters, FilterField>> = {
  keywords: {
    key: "keyword",
    pattern: "[a-z0-9]+([._+\\-][a-z0-9]+)*",
    maxLength: 40,
    expected: "a keyword: lower-case letters, digits and dashes",
  },
  owners: {
    key: "owner",
    pattern: "[a-z0-9]+([._\\-]+[a-z0-9]+)*",
    maxLength: 64,
    expected: "the name of a namespace or a user",
  },
  executors: {
    key: "executor",
    pattern: "[A-Za-z0-9._\\-]+",
    maxLength: 128,
    expected: "an executor type, such as container-executor",
  },
  platforms: {
    key: "platform",
    pattern: "[a-z0-9]+/[a-z0-9]+",
    maxLength: 40,
    expected: "os/architecture, such as linux/amd64",
  },
};

const maxTextLength = 200;
const maxValues = 10;

/**
 * What to search for, from the parameters of an address. An empty filter counts as absent: a form sends what was not
 * filled in. Throws `registry-server/bad-query`.
 */
export function parseSearchQuery(query: URLSearchParams): SearchQuery {
  const text = (query.get("q") ?? "").trim().slice(0, maxTextLength);
  const filters = {
    keywords: valuesOf(query, filterFields.keywords),
    owners: valuesOf(query, filterFields.owners),
    executors: valuesOf(query, filterFields.executors),
    platforms: valuesOf(query, filterFields.platforms),
  };
  return { text, filters };
}

function valuesOf(query: URLSearchParams, { key, pattern, maxLength, expected }: FilterField): readonly string[] {
  const values = [...new Set(query.getAll(key).map((value) => value.trim()))].filter((value) => value !== "");
  if (values.length > maxValues)
    throw registryError("registry-server/bad-query", `${key} is there ${values.length} times; ${maxValues} are taken`);
  const grammar = new RegExp(`^(${pattern})$`);
  const wrong = values.find((value) => value.length > maxLength || !grammar.test(value));
  if (wrong !== undefined)
    throw registryError("registry-server/bad-query", `${key} is "${wrong.slice(0, 60)}", which is not ${expected}`);
  return values;
}
