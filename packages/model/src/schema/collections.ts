import { nearest, printable } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Faults } from "../faults.ts";
import type { SourceMap, SourceNode } from "../source.ts";
import { wrongType } from "./scalars.ts";
import { checked } from "./schema.ts";
import type { FieldRow, Schema } from "./schema.ts";

/** How one key of a map is described. Without `required` and without `default` the key may be absent. */
export interface Field<T> {
  readonly schema: Schema<T>;
  readonly description: string;
  readonly required?: boolean;
  readonly default?: T;
}

/** One field for each key of `T`: a key that may be undefined in `T` is optional in the file. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

/** A map with known keys. Every unknown key is a fault, with the nearest known one in its hint. */
export function objectOf<T extends object>(typeName: string, fields: Fields<T>): Schema<T> {
  const entries = Object.entries<Field<unknown>>(fields);
  return {
    typeName,
    parse(node, faults) {
      if (node.kind !== "map") return wrongType(node, typeName, faults);
      reportUnknownKeys(
        node,
        entries.map(([key]) => key),
        faults,
      );
      const value: Record<string, unknown> = {};
      let usable = true;
      for (const [key, field] of entries) {
        const part = parseField(node, key, field, typeName, faults);
        if (part === "unusable") usable = false;
        else if (part.value !== undefined) value[key] = part.value;
      }
      return usable ? (value as T) : undefined;
    },
    format(value) {
      const record = value as Record<string, unknown>;
      return Object.fromEntries(
        entries.flatMap(([key, field]): [string, JsonValue][] => {
          const part = record[key];
          return part === undefined || isDefault(part, field) ? [] : [[key, field.schema.format(part)]];
        }),
      );
    },
    jsonSchema: () => ({
      type: "object",
      additionalProperties: false,
      ...requiredKeys(entries),
      properties: Object.fromEntries(entries.map(([key, field]) => [key, fieldJsonSchema(field)])),
    }),
    fieldRows: () => entries.flatMap(([key, field]) => rowsOf(key, field)),
  };
}

export interface ListRules<T> {
  readonly maxItems?: number;
  readonly minItems?: number;
  /** What must differ between items, and what it is called in the message. */
  readonly uniqueBy?: { readonly key: (item: T) => string; readonly noun: string };
}

export function listOf<T>(item: Schema<T>, rules: ListRules<T> = {}): Schema<readonly T[]> {
  const typeName = `a list of ${item.typeName}`;
  const { minItems = 0, maxItems = 1000, uniqueBy } = rules;
  const schema: Schema<readonly T[]> = {
    typeName,
    parse(node, faults) {
      if (node.kind !== "list") return wrongType(node, typeName, faults);
      if (node.items.length < minItems || node.items.length > maxItems) {
        return faults.add(
          "manifest/invalid-value",
          node,
          `the list has ${node.items.length} items, not ${minItems} to ${maxItems}`,
        );
      }
      const items = node.items.map((entry) => item.parse(entry, faults));
      return items.every((entry) => entry !== undefined) ? items : undefined;
    },
    format: (value) => value.map((entry) => item.format(entry)),
    jsonSchema: () => ({
      type: "array",
      items: item.jsonSchema(),
      maxItems,
      ...(minItems === 0 ? {} : { minItems }),
    }),
    fieldRows: () => item.fieldRows().map((row) => ({ ...row, path: `[].${row.path}` })),
  };
  return uniqueBy === undefined
    ? schema
    : checked(schema, (items, node, faults) => checkUnique(items, node, uniqueBy, faults));
}

/** A map whose keys the author chooses. */
export function recordOf<T>(
  keySchema: Schema<string>,
  value: Schema<T>,
  rules: { readonly maxKeys?: number } = {},
): Schema<Readonly<Record<string, T>>> {
  const typeName = `a map from ${keySchema.typeName} to ${value.typeName}`;
  const { maxKeys = 1000 } = rules;
  return {
    typeName,
    parse(node, faults) {
      if (node.kind !== "map") return wrongType(node, typeName, faults);
      if (node.entries.length > maxKeys)
        return faults.add("manifest/invalid-value", node, `the map has more than ${maxKeys} keys`);
      const pairs = node.entries.map((entry): [string | undefined, T | undefined] => {
        const keyNode: SourceNode = { kind: "scalar", value: entry.key, file: node.file, range: entry.keyRange };
        return [keySchema.parse(keyNode, faults), value.parse(entry.value, faults)];
      });
      if (!pairs.every(([key, part]) => key !== undefined && part !== undefined)) return undefined;
      return Object.fromEntries(pairs) as Record<string, T>;
    },
    format: (record) => Object.fromEntries(Object.entries(record).map(([key, part]) => [key, value.format(part)])),
    jsonSchema: () => ({
      type: "object",
      propertyNames: keySchema.jsonSchema(),
      additionalProperties: value.jsonSchema(),
      maxProperties: maxKeys,
    }),
    fieldRows: () => value.fieldRows().map((row) => ({ ...row, path: `<name>.${row.path}` })),
  };
}

/** A short form for a map: text where a map with more may stand. */
export function textOr<T>(
  short: Schema<string>,
  expand: (text: string) => T | undefined,
  long: Schema<T>,
  shorten: (value: T) => string | undefined,
): Schema<T> {
  return {
    typeName: `${short.typeName} or ${long.typeName}`,
    parse(node, faults) {
      if (node.kind === "map") return long.parse(node, faults);
      const text = short.parse(node, faults);
      return text === undefined ? undefined : expand(text);
    },
    format(value) {
      const text = shorten(value);
      return text === undefined ? long.format(value) : short.format(text);
    },
    jsonSchema: () => ({ oneOf: [short.jsonSchema(), long.jsonSchema()] }),
    fieldRows: () => long.fieldRows(),
  };
}

/** A map that one key tells the kind of. */
export function taggedBy<T extends object, Tag extends string>(
  tag: keyof T & string,
  typeName: string,
  variants: Readonly<Record<Tag, Schema<T>>>,
  tags: Schema<Tag>,
): Schema<T> {
  const schemas = Object.entries(variants) as [Tag, Schema<T>][];
  const variantOf = (value: T): Schema<T> => variants[value[tag] as Tag];
  return {
    typeName,
    parse(node, faults) {
      if (node.kind !== "map") return wrongType(node, typeName, faults);
      const entry = node.entries.find((candidate) => candidate.key === tag);
      if (entry === undefined)
        return faults.add("manifest/missing-key", node, `"${tag}" is missing`, `It is ${tags.typeName}.`);
      const word = tags.parse(entry.value, faults);
      return word === undefined ? undefined : variants[word].parse(node, faults);
    },
    format: (value) => variantOf(value).format(value),
    jsonSchema: () => ({ oneOf: schemas.map(([, schema]) => schema.jsonSchema()) }),
    fieldRows: () => mergeRows(schemas),
  };
}

type ParsedField = { readonly value: unknown } | "unusable";

function parseField(node: SourceMap, key: string, field: Field<unknown>, owner: string, faults: Faults): ParsedField {
  const entry = node.entries.find((candidate) => candidate.key === key);
  if (entry === undefined) {
    if (field.required !== true) return { value: field.default };
    faults.add(
      "manifest/missing-key",
      { file: node.file, range: firstLine(node) },
      `"${key}" is missing from ${owner}`,
      field.description,
    );
    return "unusable";
  }
  const value = field.schema.parse(entry.value, faults);
  return value === undefined ? "unusable" : { value };
}

/** A missing key is shown at the head of its map, not over all its lines. */
function firstLine(node: SourceMap): readonly [number, number] {
  const end = node.file.text.indexOf("\n", node.range[0]);
  return [node.range[0], end === -1 ? node.range[1] : Math.min(end, node.range[1])];
}

function reportUnknownKeys(node: SourceMap, known: readonly string[], faults: Faults): void {
  const absent = known.filter((key) => !node.entries.some((entry) => entry.key === key));
  for (const entry of node.entries) {
    if (known.includes(entry.key)) continue;
    const meant = nearest(entry.key, absent) ?? nearest(entry.key, known);
    const hint = meant === undefined ? `The keys here are ${known.join(", ")}.` : `Did you mean "${meant}"?`;
    faults.add(
      "manifest/unknown-key",
      { file: node.file, range: entry.keyRange },
      `unknown key "${printable(entry.key, 60)}"`,
      hint,
    );
  }
}

function requiredKeys(entries: readonly [string, Field<unknown>][]): JsonObject {
  const required = entries.filter(([, field]) => field.required === true).map(([key]) => key);
  return required.length === 0 ? {} : { required };
}

function fieldJsonSchema(field: Field<unknown>): JsonObject {
  const fallback = field.default === undefined ? {} : { default: field.schema.format(field.default) };
  return { description: field.description, ...field.schema.jsonSchema(), ...fallback };
}

function isDefault(value: unknown, field: Field<unknown>): boolean {
  if (field.default === undefined || field.required === true) return false;
  const isEmpty = (candidate: unknown) =>
    typeof candidate === "object" && candidate !== null && Object.keys(candidate).length === 0;
  return value === field.default || (isEmpty(value) && isEmpty(field.default));
}

function rowsOf(key: string, field: Field<unknown>): FieldRow[] {
  const own: FieldRow = {
    path: key,
    typeName: field.schema.typeName,
    required: field.required === true,
    description: field.description,
    ...(field.default === undefined
      ? {}
      : { defaultText: JSON.stringify(field.schema.format(field.default), bigintText) }),
  };
  const join = (path: string) => (path.startsWith("[]") ? `${key}${path}` : `${key}.${path}`);
  return [own, ...field.schema.fieldRows().map((row) => ({ ...row, path: join(row.path) }))];
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

/** The fields of all variants; one that only some variants have says which. */
function mergeRows<T>(schemas: readonly [string, Schema<T>][]): FieldRow[] {
  const rows = new Map<string, { row: FieldRow; tags: string[]; types: Set<string> }>();
  for (const [tag, schema] of schemas) {
    for (const row of schema.fieldRows()) {
      const known = rows.get(row.path);
      if (known === undefined) rows.set(row.path, { row, tags: [tag], types: new Set([row.typeName]) });
      else {
        known.tags.push(tag);
        known.types.add(row.typeName);
      }
    }
  }
  return [...rows.values()].map(({ row, tags, types }) => {
    const typeName = types.size === 1 ? row.typeName : [...types].join(", or ");
    const only = tags.length === schemas.length ? "" : ` Only for ${tags.join(", ")}.`;
    return { ...row, typeName, description: `${row.description}${only}` };
  });
}

function checkUnique<T>(
  items: readonly T[],
  node: SourceNode,
  rule: { readonly key: (item: T) => string; readonly noun: string },
  faults: Faults,
): boolean {
  const seen = new Set<string>();
  const nodes = node.kind === "list" ? node.items : [];
  let unique = true;
  items.forEach((item, index) => {
    const key = rule.key(item);
    if (seen.has(key)) {
      faults.add("manifest/duplicate", nodes[index] ?? node, `the ${rule.noun} "${printable(key, 60)}" is used twice`);
      unique = false;
    }
    seen.add(key);
  });
  return unique;
}
