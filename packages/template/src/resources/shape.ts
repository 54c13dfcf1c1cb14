import type { Diagnostic } from "@cpm/base";
import { nearest } from "@cpm/base";
import { locateSource, Secret } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { RenderedNode } from "../rendered.ts";
import type { FieldType, ObjectType } from "./field-type.ts";
import { formatFieldType } from "./field-type.ts";

type Report = (fault: Diagnostic) => void;

/**
 * Checks names and types of fields, all faults at once. The server ignores a misspelt field and turns a wrong
 * type into "invalid JSON", so both are found here, with their place.
 */
export function checkShape(node: RenderedNode, expected: FieldType, report: Report): void {
  switch (expected.type) {
    case "any":
      return;
    case "embedded":
      checkShape(node, expected.of, report);
      return;
    case "list":
      if (node.kind === "list") for (const item of node.items) checkShape(item, expected.items, report);
      else if (!isNull(node)) report(typeFault(node, expected));
      return;
    case "map":
      if (node.kind === "map") for (const entry of node.entries) checkShape(entry.value, expected.values, report);
      else if (!isNull(node)) report(typeFault(node, expected));
      return;
    case "object":
      checkObject(node, expected, report);
      return;
    default:
      if (!fitsScalar(node, expected.type)) report(typeFault(node, expected));
  }
}

function checkObject(node: RenderedNode, expected: ObjectType, report: Report): void {
  if (node.kind !== "map") {
    report(typeFault(node, expected));
    return;
  }
  const names = Object.keys(expected.fields);
  for (const entry of node.entries) {
    const type = expected.fields[entry.key];
    if (type !== undefined) {
      checkShape(entry.value, type, report);
      continue;
    }
    const meant = nearest(entry.key, names);
    const hint =
      meant === undefined
        ? `Its fields are ${names.join(", ")}.`
        : `Did you mean "${meant}"? ColonyOS would ignore it without a word.`;
    report(
      fault("resource/unknown-field", `${expected.label} has no field "${entry.key}"`, node.file, entry.keyRange, hint),
    );
  }
  for (const name of expected.required) {
    if (node.entries.some((entry) => entry.key === name)) continue;
    report(
      fault("resource/missing-field", `${expected.label} needs "${name}"`, node.file, [
        node.range[0],
        node.range[0] + 1,
      ]),
    );
  }
}

function fitsScalar(node: RenderedNode, type: "string" | "int" | "number" | "bool"): boolean {
  if (node.kind !== "scalar") return false;
  const { value } = node;
  if (type === "string") return typeof value === "string" || value instanceof Secret;
  if (type === "bool") return typeof value === "boolean";
  if (type === "number") return typeof value === "number" || typeof value === "bigint";
  return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
}

function typeFault(node: RenderedNode, expected: FieldType): Diagnostic {
  const scalar = node.kind === "scalar";
  const written = scalar ? describe(node.value) : `a ${node.kind}`;
  const quoted =
    expected.type === "string" &&
    scalar &&
    (typeof node.value === "bigint" || typeof node.value === "number" || typeof node.value === "boolean");
  const hint = quoted ? `Put it in quotes: "${String(node.value)}".` : undefined;
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
