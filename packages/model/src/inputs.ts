import { createError, nearest, printable } from "@cpm/base";
import { badAssignment, faultsError, modelErrors } from "./errors.ts";
import { Faults } from "./faults.ts";
import type { Place } from "./faults.ts";
import type { InputDefinition } from "./input-definition.ts";
import { inputFault, inputNoun } from "./input-rules.ts";
import { nodeToInput } from "./input-value.ts";
import type { InputValue, InputValues } from "./input-value.ts";
import { Secret } from "./secret.ts";
import type { SourceFile, SourceNode } from "./source.ts";
import { parseSource } from "./yaml.ts";

/** One value that somebody gave, still with its place, so that a fault can point at it. */
export interface GivenInput {
  readonly key: string;
  /** Where the key stands: a line of a values file or a flag. */
  readonly keyNode: SourceNode;
  readonly value: SourceNode;
  /** A flag's text is read by the input's type; a file's value already has one. */
  readonly fromText: boolean;
}

/** `--set key=value`. Throws `input/assignment`. */
export function parseAssignment(text: string): GivenInput {
  return assignmentOf(text, "--set", (value) => value);
}

/** `--set-file key=path`: the text of a file as the value. `contents` is what the file at the path holds. */
export function parseFileAssignment(text: string, readFile: (path: string) => string): GivenInput {
  return assignmentOf(text, "--set-file", readFile);
}

/** The values of a `-f values.yaml`: a map from keys to values. */
export function parseValuesFile(file: SourceFile): GivenInput[] {
  const documents = parseSource(file);
  return documents.flatMap((document) => {
    if (document.kind !== "map") {
      const faults = new Faults();
      faults.add("input/wrong-type", document, "a values file is a map from inputs to values");
      throw faultsError("input/invalid", faults.diagnostics);
    }
    return document.entries.map((entry) => ({
      key: entry.key,
      keyNode: { kind: "scalar" as const, value: entry.key, file, range: entry.keyRange },
      value: entry.value,
      fromText: false,
    }));
  });
}

/**
 * The complete inputs of a release: what was given, later over earlier, and the defaults. Throws `input/invalid`
 * with every fault: unknown and missing inputs, wrong types, broken rules.
 */
export function resolveInputs(definitions: readonly InputDefinition[], given: readonly GivenInput[]): InputValues {
  const faults = new Faults();
  const byKey = new Map(definitions.map((definition) => [definition.key, definition]));
  const values: Record<string, InputValue> = {};
  for (const definition of definitions) {
    if (definition.default !== undefined) values[definition.key] = definition.default;
  }
  for (const input of given) {
    const definition = byKey.get(input.key);
    if (definition === undefined) {
      faults.add(
        "input/unknown",
        keyAlone(input.keyNode),
        `there is no input "${printable(input.key, 60)}"`,
        unknownHint(input.key, byKey),
      );
      continue;
    }
    const value = readInput(definition, input, faults);
    if (value !== undefined) values[definition.key] = value;
  }
  const missing = definitions.filter(
    (definition) => definition.required && !given.some((input) => input.key === definition.key),
  );
  if (faults.diagnostics.length === 0 && missing.length === 0) return values;
  throw faultsError("input/invalid", [...faults.diagnostics, ...missing.map(missingDiagnostic)]);
}

function assignmentOf(text: string, flag: string, read: (value: string) => string): GivenInput {
  const equals = text.indexOf("=");
  if (equals < 1) throw badAssignment(text);
  const key = text.slice(0, equals);
  const value = read(text.slice(equals + 1));
  const keyFile: SourceFile = { path: flag, text };
  const file: SourceFile = { path: `${flag} ${key}`, text: value };
  return {
    key,
    keyNode: { kind: "scalar", value: key, file: keyFile, range: [0, equals] },
    value: { kind: "scalar", value, file, range: [0, value.length] },
    fromText: true,
  };
}

function readInput(definition: InputDefinition, input: GivenInput, faults: Faults): InputValue | undefined {
  const node = input.fromText ? typedNode(definition, input.value) : input.value;
  const value = toType(definition, nodeToInput(node));
  const fault = inputFault(definition, value);
  if (fault === undefined) return value;
  const place = definition.type === "secret" ? keyAlone(input.keyNode) : input.value;
  return faults.add(
    fault.code,
    place,
    `input "${definition.key}": ${fault.message}`,
    fault.hint ?? `It is ${inputNoun(definition)}.`,
  );
}

/** A key in its place, without the rest of its line: what stands there may be a secret, also after a misspelt key. */
function keyAlone({ file, range }: SourceNode): Place {
  const [start, end] = range;
  const lineStart = start === 0 ? 0 : file.text.lastIndexOf("\n", start - 1) + 1;
  const before = file.text.slice(0, lineStart) + " ".repeat(start - lineStart);
  return { file: { path: file.path, text: before + file.text.slice(start, end) }, range };
}

function toType(definition: InputDefinition, value: InputValue): InputValue {
  if (definition.type === "secret" && typeof value === "string") return new Secret(value);
  if (definition.type === "number" && typeof value === "bigint") return Number(value);
  return value;
}

/** A flag's text as the input's type: text stays text, `a,b` is a list, everything else is read as YAML. */
function typedNode(definition: InputDefinition, node: SourceNode): SourceNode {
  if (node.kind !== "scalar" || typeof node.value !== "string") return node;
  if (definition.type === "string" || definition.type === "select" || definition.type === "secret") return node;
  const text = node.value;
  if (definition.type === "list" && !text.trimStart().startsWith("[")) {
    const items = text === "" ? [] : text.split(",");
    return {
      kind: "list",
      file: node.file,
      range: node.range,
      items: items.map((item) => ({ ...node, value: item.trim() })),
    };
  }
  try {
    return parseSource(node.file)[0] ?? node;
  } catch (cause) {
    throw createError(
      modelErrors,
      "input/invalid",
      `input "${definition.key}": "${printable(text, 80)}" is not ${inputNoun(definition)}`,
      { cause },
    );
  }
}

function unknownHint(key: string, known: ReadonlyMap<string, InputDefinition>): string {
  const meant = nearest(key, known.keys());
  if (meant !== undefined) return `Did you mean "${meant}"?`;
  return known.size === 0 ? "This package has no inputs." : `The inputs are ${[...known.keys()].join(", ")}.`;
}

function missingDiagnostic(definition: InputDefinition) {
  const what = definition.description ?? definition.label;
  return {
    code: "input/missing",
    severity: "error" as const,
    message: `the input "${definition.key}" is required${what === undefined ? "" : `: ${what}`}`,
    hint: `Give it with --set ${definition.key}=… (${inputNoun(definition)}) or in a values file with -f.`,
  };
}
