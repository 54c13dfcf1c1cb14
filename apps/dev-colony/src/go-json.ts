import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";

/** A Go struct as its decoder sees it: fields by their JSON names, with the types that they take. */
export type GoType =
  | "string"
  | "int"
  | "float"
  | "bool"
  | "any"
  | "time"
  | { readonly list: GoType }
  | { readonly map: GoType }
  | { readonly struct: Readonly<Record<string, GoType>> };

/** A value of the wrong JSON type for its Go field. */
export class GoTypeError extends Error {}

/**
 * Decodes as Go's `encoding/json` does into a struct: names match whatever their case, unknown fields are dropped,
 * what is absent or null gets its zero value, and a wrong type is an error.
 */
export function decodeGo(type: GoType, value: JsonValue | undefined): JsonValue {
  if (value === undefined || value === null) return zeroOf(type);
  if (type === "any") return value;
  if (typeof type === "string") return decodeScalar(type, value);
  if ("list" in type) {
    if (!Array.isArray(value)) throw new GoTypeError("not a list");
    return value.map((item: JsonValue) => decodeGo(type.list, item));
  }
  if (!isJsonObject(value)) throw new GoTypeError("not an object");
  if ("map" in type) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decodeGo(type.map, item)]));
  }
  return decodeStruct(type.struct, value);
}

function decodeStruct(fields: Readonly<Record<string, GoType>>, value: JsonObject): JsonObject {
  const byName = new Map<string, JsonValue>();
  for (const [key, item] of Object.entries(value)) byName.set(key.toLowerCase(), item);
  return Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [name, decodeGo(type, byName.get(name.toLowerCase()))]),
  );
}

function decodeScalar(type: "string" | "int" | "float" | "bool" | "time", value: JsonValue): JsonValue {
  const fits =
    type === "string" || type === "time"
      ? typeof value === "string"
      : type === "bool"
        ? typeof value === "boolean"
        : type === "int"
          ? typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))
          : typeof value === "number" || typeof value === "bigint";
  if (!fits) throw new GoTypeError(`not a ${type}`);
  if (type === "time" && typeof value === "string" && Number.isNaN(Date.parse(value)))
    throw new GoTypeError("not a time");
  return value;
}

function zeroOf(type: GoType): JsonValue {
  if (type === "string") return "";
  if (type === "int" || type === "float") return 0;
  if (type === "bool") return false;
  if (type === "time") return zeroTime;
  if (typeof type === "object" && "struct" in type) return decodeStruct(type.struct, {});
  return null;
}

/** Go's zero time, in UTC. */
export const zeroTime = "0001-01-01T00:00:00Z";

/** RFC 3339 with microseconds, as the server writes times. */
export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/Z$/, "000Z");
}
