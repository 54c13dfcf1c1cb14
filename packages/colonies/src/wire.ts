import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { coloniesError, protocolFault } from "./errors.ts";

/*
 * Reading of what a Go server writes: null for an empty list, the zero value for what is absent, integers that
 * may exceed 2^53.
 */

export function readObject(value: JsonValue, what: string): JsonObject {
  if (!isJsonObject(value)) throw protocolFault(what, "is not an object");
  return value;
}

/** A list, or null where Go had none. */
export function readList<T>(value: JsonValue | undefined, what: string, read: (item: JsonObject) => T): T[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw protocolFault(what, "is not a list");
  return value.map((item: JsonValue) => read(readObject(item, what)));
}

export function textOf(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}

export function textsOf(object: JsonObject, key: string): string[] {
  const value = object[key];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function valuesOf(object: JsonObject, key: string): readonly JsonValue[] {
  const value = object[key];
  return Array.isArray(value) ? value : [];
}

export function numberOf(object: JsonObject, key: string): number {
  const value = object[key];
  return typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : 0;
}

/** A 64-bit integer, exact. */
export function int64Of(object: JsonObject, key: string): bigint {
  const value = object[key];
  return typeof value === "bigint" ? value : typeof value === "number" && Number.isInteger(value) ? BigInt(value) : 0n;
}

export function flagOf(object: JsonObject, key: string): boolean {
  return object[key] === true;
}

export function objectOf(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

/** A time in RFC 3339; undefined for Go's zero time, whatever its zone made of it. */
export function timeOf(object: JsonObject, key: string): Date | undefined {
  const text = textOf(object, key);
  if (text === "" || /^000[01]-/.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

const namePattern = /^[A-Za-z0-9._-]{1,128}$/;

/** One bad name makes every list of its colony fail for good: it is refused before it is sent. Throws `colonies/invalid-name`. */
export function checkName(name: string, what: string): string {
  if (!namePattern.test(name)) throw coloniesError("colonies/invalid-name", `"${name}" cannot be the name of ${what}`);
  return name;
}
