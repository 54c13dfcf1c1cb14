import type { JsonValue } from "@cpm/base";
import type { Faults } from "./faults.ts";
import { inputFault } from "./input-rules.ts";
import type { InputValue } from "./input-value.ts";
import { inputToJson, nodeToInput } from "./input-value.ts";
import { patternFault } from "./pattern.ts";
import type { SourceNode } from "./source.ts";
import type { Fields } from "./schema/collections.ts";
import { listOf, objectOf, taggedBy } from "./schema/collections.ts";
import { anything, decimal, flag, int64Limits, integer, oneOf, text } from "./schema/scalars.ts";
import { checked } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";

interface CommonInput {
  /** How templates, flags and value files name it. */
  readonly key: string;
  readonly label?: string;
  readonly description?: string;
  /** Default: true when there is no `default`. */
  readonly required: boolean;
}

export interface StringInput extends CommonInput {
  readonly type: "string";
  readonly default?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

export interface IntInput extends CommonInput {
  readonly type: "int";
  readonly default?: bigint;
  readonly min?: bigint;
  readonly max?: bigint;
}

export interface NumberInput extends CommonInput {
  readonly type: "number";
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface BoolInput extends CommonInput {
  readonly type: "bool";
  readonly default?: boolean;
}

export interface SelectInput extends CommonInput {
  readonly type: "select";
  readonly options: readonly string[];
  readonly default?: string;
}

export interface ListInput extends CommonInput {
  readonly type: "list";
  readonly default?: readonly InputValue[];
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface ObjectInput extends CommonInput {
  readonly type: "object";
  readonly default?: { readonly [key: string]: InputValue };
}

/** Has no default: a secret in a manifest is a secret no more. */
export interface SecretInput extends CommonInput {
  readonly type: "secret";
  readonly default?: undefined;
}

/** One typed input of a package: the form, the flags and the checks come from it. */
export type InputDefinition =
  | StringInput
  | IntInput
  | NumberInput
  | BoolInput
  | SelectInput
  | ListInput
  | ObjectInput
  | SecretInput;

export type InputType = InputDefinition["type"];

const keyText = text("an identifier", {
  pattern: "[a-zA-Z_][a-zA-Z0-9_]*",
  maxLength: 64,
  patternHint: "Letters, digits and underscores, not starting with a digit, so that expressions can name it.",
});
const length = integerAsNumber(0, 1_000_000);

/** The fields that every type has; `required` is completed after parsing, since its default depends on `default`. */
function commonFields<Tag extends InputType>(tag: Tag) {
  return {
    key: { schema: keyText, description: "How templates and `--set` name the input.", required: true },
    type: { schema: oneOf([tag]), description: "The type of the value.", required: true },
    label: { schema: text("text", { maxLength: 100 }), description: "A short name for people." },
    description: { schema: text("text", { maxLength: 2000, multiline: true }), description: "What the input does." },
    required: {
      schema: flag,
      description: "Whether a value must be given. By default it must when there is no `default`.",
    },
  };
}

type Draft<T extends InputDefinition> = Omit<T, "required"> & { readonly required?: boolean };

const valueText = text("text", { maxLength: 65_536, multiline: true });
const defaultField = <T>(schema: Schema<T>) => ({ schema, description: "The value when none is given." });

const variants = {
  string: input<StringInput>("an input of type string", {
    ...commonFields("string"),
    default: defaultField(valueText),
    minLength: { schema: length, description: "Fewest characters." },
    maxLength: { schema: length, description: "Most characters." },
    pattern: { schema: patternText(), description: "A regular expression that the whole text must match." },
  }),
  int: input<IntInput>("an input of type int", {
    ...commonFields("int"),
    default: defaultField(integer(int64Limits)),
    min: { schema: integer(int64Limits), description: "Smallest value." },
    max: { schema: integer(int64Limits), description: "Largest value." },
  }),
  number: input<NumberInput>("an input of type number", {
    ...commonFields("number"),
    default: defaultField(decimal),
    min: { schema: decimal, description: "Smallest value." },
    max: { schema: decimal, description: "Largest value." },
  }),
  bool: input<BoolInput>("an input of type bool", { ...commonFields("bool"), default: defaultField(flag) }),
  select: input<SelectInput>("an input of type select", {
    ...commonFields("select"),
    default: defaultField(valueText),
    options: {
      schema: listOf(text("text", { minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 200,
        uniqueBy: { key: (option) => option, noun: "option" },
      }),
      description: "The values to choose from.",
      required: true,
    },
  }),
  list: input<ListInput>("an input of type list", {
    ...commonFields("list"),
    default: defaultField(inputValues("list") as Schema<readonly InputValue[]>),
    minItems: { schema: length, description: "Fewest items." },
    maxItems: { schema: length, description: "Most items." },
  }),
  object: input<ObjectInput>("an input of type object", {
    ...commonFields("object"),
    default: defaultField(inputValues("map") as Schema<{ readonly [key: string]: InputValue }>),
  }),
  secret: input<SecretInput>(
    "an input of type secret",
    commonFields("secret") as unknown as Fields<Draft<SecretInput>>,
  ),
};

const tags: readonly InputType[] = ["string", "int", "number", "bool", "select", "list", "object", "secret"];

/** The schema of one entry of `inputs`. */
export const inputDefinitionSchema: Schema<InputDefinition> = taggedBy<InputDefinition, InputType>(
  "type",
  "an input",
  variants,
  oneOf(tags),
);

function input<T extends InputDefinition>(typeName: string, fields: Fields<Draft<T>>): Schema<T> {
  const draft = objectOf<Draft<T>>(typeName, fields);
  const schema: Schema<T> = {
    ...draft,
    parse(node, faults) {
      const value = draft.parse(node, faults);
      if (value === undefined) return undefined;
      return { ...value, required: value.required ?? value.default === undefined } as unknown as T;
    },
    format(value) {
      const implied = value.required === (value.default === undefined);
      return draft.format((implied ? { ...value, required: undefined } : value) as unknown as Draft<T>);
    },
  };
  return checked(schema, checkDefinition);
}

/** What the shape alone cannot say: the bounds are in order and the default keeps to them. */
function checkDefinition(definition: InputDefinition, node: SourceNode, faults: Faults): boolean {
  const at = (key: string): SourceNode =>
    (node.kind === "map" ? node.entries.find((entry) => entry.key === key)?.value : undefined) ?? node;
  if (definition.required && definition.default !== undefined) {
    faults.add(
      "manifest/invalid-value",
      at("required"),
      "an input with a default is never missing",
      "Leave out `required` or `default`.",
    );
    return false;
  }
  const bounds = boundsFault(definition);
  if (bounds !== undefined) {
    faults.add("manifest/invalid-value", at(bounds.key), bounds.message);
    return false;
  }
  if (definition.default === undefined) return true;
  const fault = inputFault(definition, definition.default);
  if (fault === undefined) return true;
  faults.add("manifest/invalid-value", at("default"), `the default does not fit: ${fault.message}`, fault.hint);
  return false;
}

function boundsFault(definition: InputDefinition): { readonly key: string; readonly message: string } | undefined {
  const [low, high, key] =
    definition.type === "int" || definition.type === "number"
      ? [definition.min, definition.max, "max"]
      : definition.type === "string"
        ? [definition.minLength, definition.maxLength, "maxLength"]
        : definition.type === "list"
          ? [definition.minItems, definition.maxItems, "maxItems"]
          : [undefined, undefined, "type"];
  if (low === undefined || high === undefined || low <= high) return undefined;
  return { key, message: `${high} is below the minimum ${low}` };
}

function integerAsNumber(min: number, max: number): Schema<number> {
  const whole = integer({ min: BigInt(min), max: BigInt(max) });
  return {
    ...whole,
    parse(node, faults) {
      const value = whole.parse(node, faults);
      return value === undefined ? undefined : Number(value);
    },
    format: (value) => value,
  };
}

function patternText(): Schema<string> {
  return checked(text("a regular expression", { minLength: 1, maxLength: 500 }), (value, node, faults) => {
    const fault = patternFault(value);
    if (fault !== undefined) faults.add("manifest/invalid-value", node, `not a regular expression (RE2): ${fault}`);
    return fault === undefined;
  });
}

/** Untyped content of a list or an object. */
function inputValues(kind: "list" | "map"): Schema<InputValue> {
  const typeName = kind === "list" ? "a list" : "a map";
  return {
    typeName,
    parse(node, faults) {
      if (node.kind === kind) return nodeToInput(node);
      return faults.add("manifest/wrong-type", node, `expected ${typeName}`);
    },
    format: (value): JsonValue => inputToJson(value),
    jsonSchema: () => ({ ...anything.jsonSchema(), type: kind === "list" ? "array" : "object" }),
    fieldRows: () => [],
  };
}
