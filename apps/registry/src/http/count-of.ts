import { registryError } from "../errors.ts";

/** A parameter that is a count; undefined when it is not there. Throws `registry-server/bad-query`. */
export function countOf(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw registryError("registry-server/bad-query", `${key} is "${text.slice(0, 40)}", which is not a count`);
  return Number(text);
}
