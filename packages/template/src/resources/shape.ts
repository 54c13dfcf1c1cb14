import type { Diagnostic } from "@cpm/base";
import { nearest, printable } from "@cpm/base";
import { locateSource, Secret } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { RenderedEntry, RenderedNode } from "../rendered.ts";
import type { FieldType, ObjectType } from "./field-type.ts";
import { formatFieldType } from "./field-type.ts";
import { roundedNumbers } from "./stored-values.ts";

type Report = (fault: Diagnostic) => void;

/**
 * Checks names and types of fields, all faults at once, until `enough`. The server ignores a misspelt field and turns
 * a wrong type into "invalid JSON", so both are found here, with their place.
 */
export function checkShape(node: RenderedNode, expected: FieldType, report: Report, enough: () => boolean): void {
  if (enough()) return;
  switch (expected.type) {
    case "any":
      for (const { node: place, from, to } of roundedNumbers(node)) report(roundingFault(place, from, to));
      return;
    case "embedded":
      checkShape(node, expected.of, report, enough);
      return;
    case "list":
      if (node.kind === "list") for (const item of node.items) checkShape(item, expected.items, report, enough);
      else if (!isNull(node)) report(typeFault(node, expected));
      return;
    case "map":
      if (node.kind === "map") for (const { value } of node.entries) checkShape(value, expected.values, report, enough);
      else if (!isNull(node)) report(typeFault(node, expected));
      return;
    case "object":
      checkObject(node, expected, report, enough);
      return;
    default:
      if (!fitsScalar(node, expected.type)) report(typeFault(node, expected));
  }
}

function checkObject(node: RenderedNode, expected: ObjectType, report: Report, enough: () => boolean): void {
  if (node.kind !== "map") {
    report(typeFault(node, expected));
    return;
  }
  for (const entry of node.entries) {
    if (enough()) return;
    const type = Object.hasOwn(expected.fields, entry.key) ? expected.fields[entry.key] : undefined;
    if (type === undefined) report(unknownField(node, entry, expected));
    else checkShape(entry.value, type, report, enough);
  }
  for (const name of expected.required) {
    if (node.entries.some((entry) => entry.key === name)) continue;
    const range: RenderedNode["range"] = [node.range[0], node.range[0] + 1];
    const hint = `Write ${name}: …`;
    report(fault("resource/missing-field", `${expected.label} needs "${name}"`, node.file, range, hint));
  }
}

function unknownField(node: RenderedNode, { key, keyRange }: RenderedEntry, expected: ObjectType): Diagnostic {
  const names = Object.keys(expected.fields);
  const meant = nearest(key, names);
  const hint =
    meant === undefined
      ? `Its fields are ${names.join(", ")}.`
      : `Did you mean "${meant}"? ColonyOS would ignore it without a word.`;
  const message = `${expected.label} has no field "${printable(key, 60)}"`;
  return fault("resource/unknown-field", message, node.file, keyRange, hint);
}

function fitsScalar(node: RenderedNode, type: "string" | "int" | "number" | "bool"): boolean {
  if (node.kind !== "scalar") return false;
  const { value } = node;
  if (type === "string") return typeof value === "string" || value instanceof Secret;
  if (type === "bool") return typeof value === "boolean";
  if (type === "number") return typeof value === "number" || typeof value === "bigint";
  return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
}

function roundingFault(node: RenderedNode, from: bigint, to: bigint): Diagnostic {
  const hint = "Pass it as text: string(…), or in quotes.";
  return fault("resource/rounded-number", `ColonyOS rounds ${from} to ${to}`, node.file, node.range, hint);
}

function typeFault(node: RenderedNode, expected: FieldType): Diagnostic {
  const scalar = node.kind === "scalar";
  const written = scalar ? describe(node.value) : `a ${node.kind}`;
  const quoted =
    expected.type === "string" &&
    scalar &&
    (typeof node.value === "bigint" || typeof node.value === "number" || typeof node.value === "boolean");
  const hint = quoted ? `Put it in quotes: "${String(node.value)}".` : `Write ${formatFieldType(expected)}.`;
  return fault(
    "resource/wrong-type",
    `${written} where ColonyOS needs ${formatFieldType(expected)}`,
    node.file,
    node.range,
    hint,
  );
}

function describe(value: null | boolean | bigint | number | string | Secret): string {
  if (value === null) return "nothing";
  if (value instanceof Secret) return "a secret";
  if (typeof value === "string") return "a string";
  return typeof value === "boolean" ? String(value) : `the number ${value}`;
}

function isNull(node: RenderedNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

function fault(
  code: TemplateErrorCode,
  message: string,
  file: RenderedNode["file"],
  range: RenderedNode["range"],
  hint?: string,
): Diagnostic {
  return templateFault(code, { message, location: locateSource(file, range), hint });
}
