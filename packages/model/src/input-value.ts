import type { JsonObject, JsonValue } from "@cpm/base";
import { Secret } from "./secret.ts";
import type { SourceNode } from "./source.ts";
import { integerToJson } from "./yaml.ts";

/** A value as templates see it: integers are `bigint` whatever their size. */
export type InputValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Secret
  | readonly InputValue[]
  | { readonly [key: string]: InputValue };

/** The inputs of one release, complete and checked. */
export interface InputValues {
  readonly [key: string]: InputValue;
}

export function nodeToInput(node: SourceNode): InputValue {
  if (node.kind === "list") return node.items.map(nodeToInput);
  if (node.kind === "map")
    return Object.fromEntries(node.entries.map((entry) => [entry.key, nodeToInput(entry.value)]));
  return node.value;
}

/** For records and output: secrets are `***`. */
export function inputToJson(value: InputValue): JsonValue {
  if (value instanceof Secret) return value.toJSON();
  if (typeof value === "bigint") return integerToJson(value);
  if (Array.isArray(value)) return value.map((item: InputValue) => inputToJson(item));
  if (typeof value === "object" && value !== null) return redactInputs(value as InputValues);
  return value;
}

/** All the inputs for a record: the same for every secret value, so that a digest of it says nothing about one. */
export function redactInputs(values: InputValues): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, inputToJson(value)]));
}
