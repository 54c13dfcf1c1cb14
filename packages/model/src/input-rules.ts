import { nearest, printable } from "@cpm/base";
import type { InputDefinition } from "./input-definition.ts";
import type { InputValue } from "./input-value.ts";
import { matchesPattern } from "./pattern.ts";
import { Secret } from "./secret.ts";

export interface InputFault {
  readonly code: "input/wrong-type" | "input/invalid-value";
  readonly message: string;
  readonly hint?: string;
}

const nouns: Readonly<Record<InputDefinition["type"], string>> = {
  string: "text",
  int: "a whole number",
  number: "a number",
  bool: "true or false",
  select: "one of the options",
  list: "a list",
  object: "a map",
  secret: "text",
};

/** What a value of this input is, for messages. */
export function inputNoun(definition: InputDefinition): string {
  return definition.type === "select" ? `one of ${definition.options.join(", ")}` : nouns[definition.type];
}

/** Why a value does not fit its definition; undefined when it does. A secret's value is never in the message. */
export function inputFault(definition: InputDefinition, value: InputValue): InputFault | undefined {
  if (!hasType(definition, value)) return { code: "input/wrong-type", message: `expected ${inputNoun(definition)}` };
  const fault = ruleFault(definition, value);
  return fault === undefined ? undefined : { code: "input/invalid-value", ...fault };
}

function hasType(definition: InputDefinition, value: InputValue): boolean {
  switch (definition.type) {
    case "string":
    case "select":
      return typeof value === "string";
    case "int":
      return typeof value === "bigint";
    case "number":
      return typeof value === "number";
    case "bool":
      return typeof value === "boolean";
    case "list":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
    case "secret":
      return value instanceof Secret;
  }
}

function ruleFault(definition: InputDefinition, value: InputValue): { message: string; hint?: string } | undefined {
  if (definition.type === "int" && typeof value === "bigint" && BigInt.asIntN(64, value) !== value) {
    return { message: `${value} does not fit in 64 bits` };
  }
  if (definition.type === "int" || definition.type === "number") {
    return boundsFault(value as bigint | number, definition.min, definition.max);
  }
  if (definition.type === "select") return selectFault(definition.options, value as string);
  if (definition.type === "list") {
    return countFault((value as readonly unknown[]).length, definition.minItems, definition.maxItems, "items");
  }
  if (definition.type !== "string") return undefined;
  const text = value as string;
  const count = countFault([...text].length, definition.minLength, definition.maxLength, "characters");
  if (count !== undefined || definition.pattern === undefined) return count;
  return matchesPattern(definition.pattern, text)
    ? undefined
    : { message: `"${printable(text, 80)}" does not match ${definition.pattern}` };
}

function boundsFault(
  value: bigint | number,
  min?: bigint | number,
  max?: bigint | number,
): { message: string } | undefined {
  if (min !== undefined && value < min) return { message: `${value} is below the minimum ${min}` };
  if (max !== undefined && value > max) return { message: `${value} is above the maximum ${max}` };
  return undefined;
}

function countFault(
  count: number,
  min: number | undefined,
  max: number | undefined,
  noun: string,
): { message: string } | undefined {
  if (min !== undefined && count < min) return { message: `${count} ${noun}, fewer than ${min}` };
  if (max !== undefined && count > max) return { message: `${count} ${noun}, more than ${max}` };
  return undefined;
}

function selectFault(options: readonly string[], value: string): { message: string; hint?: string } | undefined {
  if (options.includes(value)) return undefined;
  const meant = nearest(value, options);
  return {
    message: `"${printable(value, 80)}" is not one of ${options.join(", ")}`,
    ...(meant === undefined ? {} : { hint: `Did you mean "${meant}"?` }),
  };
}
