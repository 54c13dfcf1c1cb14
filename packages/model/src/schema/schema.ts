import type { JsonObject, JsonValue } from "@cpm/base";
import type { Faults } from "../faults.ts";
import type { SourceNode } from "../source.ts";

/**
 * One definition of a value, from which come its parser, its writer, its JSON Schema and its documentation.
 * `parse` reports every fault with its place and answers undefined when the value cannot be used; `format` is its
 * inverse and leaves out what equals a default.
 */
export interface Schema<T> {
  /** For messages and documentation: `text`, `a list of …`. */
  readonly typeName: string;
  parse(node: SourceNode, faults: Faults): T | undefined;
  format(value: T): JsonValue;
  jsonSchema(): JsonObject;
  /** The rows that the reference shows under this value; none for scalars. */
  fieldRows(): readonly FieldRow[];
}

/** One row of the manifest reference. `path` is relative to the value that has the field. */
export interface FieldRow {
  readonly path: string;
  readonly typeName: string;
  readonly required: boolean;
  readonly description: string;
  readonly defaultText?: string;
}

/** A check beyond the shape; it reports to `faults` and answers whether the value may be used. */
export type Check<T> = (value: T, node: SourceNode, faults: Faults) => boolean;

/** The same schema with a further check, which runs only on values that have the right shape. */
export function checked<T>(schema: Schema<T>, check: Check<T>): Schema<T> {
  return {
    ...schema,
    parse(node, faults) {
      const value = schema.parse(node, faults);
      return value !== undefined && check(value, node, faults) ? value : undefined;
    },
  };
}

/** The same schema under another name and type, by a reader that answers undefined for a text that it refuses. */
export function converted<From, To>(
  schema: Schema<From>,
  typeName: string,
  read: (value: From) => To | undefined,
  write: (value: To) => From,
  explain: (value: From) => { readonly message: string; readonly hint?: string },
): Schema<To> {
  return {
    typeName,
    parse(node, faults) {
      const raw = schema.parse(node, faults);
      if (raw === undefined) return undefined;
      const value = read(raw);
      if (value !== undefined) return value;
      const { message, hint } = explain(raw);
      return faults.add("manifest/invalid-value", node, message, hint);
    },
    format: (value) => schema.format(write(value)),
    jsonSchema: () => schema.jsonSchema(),
    fieldRows: () => [],
  };
}

/** What a value is, in the words of the manifest's readers. */
export function describeNode(node: SourceNode): string {
  if (node.kind !== "scalar") return node.kind === "list" ? "a list" : "a map";
  if (node.value === null) return "nothing";
  if (typeof node.value === "string") return "text";
  if (typeof node.value === "boolean") return "true or false";
  return typeof node.value === "bigint" ? "a whole number" : "a number";
}
