import { nearest, printable } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Faults } from "../faults.ts";
import { integerToJson, sourceToJson } from "../yaml.ts";
import type { SourceNode } from "../source.ts";
import { describeNode } from "./schema.ts";
import type { Schema } from "./schema.ts";

export interface TextRules {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A pattern for the whole text, without anchors, and what it asks for in words. */
  readonly pattern?: string;
  readonly patternHint?: string;
  readonly multiline?: boolean;
}

export function text(typeName: string, rules: TextRules = {}): Schema<string> {
  const pattern = rules.pattern === undefined ? undefined : new RegExp(`^(?:${rules.pattern})$`);
  return {
    typeName,
    parse(node, faults) {
      if (node.kind !== "scalar" || typeof node.value !== "string") return wrongType(node, typeName, faults);
      const fault = textFault(node.value, rules, pattern, typeName);
      return fault === undefined ? node.value : faults.add("manifest/invalid-value", node, fault, rules.patternHint);
    },
    format: (value) => value,
    jsonSchema: (): JsonObject => ({
      type: "string",
      ...(rules.minLength === undefined ? {} : { minLength: rules.minLength }),
      ...(rules.maxLength === undefined ? {} : { maxLength: rules.maxLength }),
      ...(rules.pattern === undefined ? {} : { pattern: `^(?:${rules.pattern})$` }),
    }),
    fieldRows: () => [],
  };
}

export function integer(limits: { readonly min: bigint; readonly max: bigint }): Schema<bigint> {
  return {
    typeName: "a whole number",
    parse(node, faults) {
      if (node.kind !== "scalar" || typeof node.value !== "bigint") return wrongType(node, "a whole number", faults);
      if (node.value >= limits.min && node.value <= limits.max) return node.value;
      return faults.add("manifest/invalid-value", node, `${node.value} is not between ${limits.min} and ${limits.max}`);
    },
    format: integerToJson,
    jsonSchema: () => ({ type: "integer", minimum: integerToJson(limits.min), maximum: integerToJson(limits.max) }),
    fieldRows: () => [],
  };
}

/** 64-bit integers, as ColonyOS and CEL have them. */
export const int64Limits: { readonly min: bigint; readonly max: bigint } = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

export const decimal: Schema<number> = {
  typeName: "a number",
  parse(node, faults) {
    if (node.kind === "scalar" && typeof node.value === "number") return node.value;
    if (node.kind === "scalar" && typeof node.value === "bigint") return Number(node.value);
    return wrongType(node, "a number", faults);
  },
  format: (value) => value,
  jsonSchema: () => ({ type: "number" }),
  fieldRows: () => [],
};

export const flag: Schema<boolean> = {
  typeName: "true or false",
  parse(node, faults) {
    if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
    return wrongType(node, "true or false", faults);
  },
  format: (value) => value,
  jsonSchema: () => ({ type: "boolean" }),
  fieldRows: () => [],
};

/** One of a few words. */
export function oneOf<T extends string>(words: readonly T[]): Schema<T> {
  const typeName = words.length === 1 ? `"${words[0]}"` : `one of ${words.join(", ")}`;
  return {
    typeName,
    parse(node, faults) {
      if (node.kind !== "scalar" || typeof node.value !== "string") return wrongType(node, typeName, faults);
      const written = node.value;
      const word = words.find((candidate) => candidate === written);
      if (word !== undefined) return word;
      const meant = nearest(written, words);
      const hint = meant === undefined ? `It is ${typeName}.` : `Did you mean "${meant}"?`;
      return faults.add("manifest/invalid-value", node, `"${printable(written, 60)}" is not ${typeName}`, hint);
    },
    format: (value) => value,
    jsonSchema: () => (words.length === 1 ? { const: words[0] ?? "" } : { enum: words }),
    fieldRows: () => [],
  };
}

/** Any value; the caller checks it. */
export const anything: Schema<JsonValue> = {
  typeName: "any value",
  parse: (node) => sourceToJson(node),
  format: (value) => value,
  jsonSchema: () => ({}),
  fieldRows: () => [],
};

export function wrongType(node: SourceNode, expected: string, faults: Faults): undefined {
  const hint =
    expected === "text" && node.kind === "scalar" && node.value !== null ? "Put the value in quotes." : undefined;
  return faults.add("manifest/wrong-type", node, `expected ${expected}, found ${describeNode(node)}`, hint);
}

function textFault(value: string, rules: TextRules, pattern: RegExp | undefined, typeName: string): string | undefined {
  const shown = `"${printable(value, 80)}"`;
  if (rules.multiline !== true && /[\n\r]/.test(value)) return `${typeName} is one line`;
  if (rules.minLength !== undefined && value.length < rules.minLength) {
    return rules.minLength === 1 ? "the text is empty" : `${shown} has fewer than ${rules.minLength} characters`;
  }
  if (rules.maxLength !== undefined && value.length > rules.maxLength) {
    return `the text has ${value.length} characters, more than ${rules.maxLength}`;
  }
  return pattern === undefined || pattern.test(value) ? undefined : `${shown} is not ${typeName}`;
}
