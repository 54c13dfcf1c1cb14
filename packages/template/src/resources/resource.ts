import type { Diagnostic } from "@cpm/base";
import { isCpmError, nearest, parseJson } from "@cpm/base";
import type { SourceFile } from "@cpm/model";
import { locateSource, parseSource } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import { maxFaults } from "../limits.ts";
import type { RenderedDocument } from "../render-templates.ts";
import type { RenderedMap, RenderedNode } from "../rendered.ts";
import { childOf, findEntry, textOf } from "../rendered.ts";
import { checkRules } from "./rules.ts";
import type { ResourceKind } from "./kinds.ts";
import { isResourceKind, resourceKinds, resourceSpecs } from "./kinds.ts";
import { checkSecretPlaces } from "./secret-places.ts";
import { checkShape } from "./shape.ts";

/** A checked resource, ready to be planned. `spec` is the ColonyOS object with its own field names. */
export interface Resource {
  readonly kind: ResourceKind;
  /** Unique per kind in a release; letters, digits, dots, dashes and underscores. */
  readonly name: string;
  readonly spec: RenderedMap;
  readonly file: SourceFile;
}

export interface CheckedResources {
  readonly resources: readonly Resource[];
  readonly diagnostics: readonly Diagnostic[];
}

const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

/**
 * Checks rendered documents against what ColonyOS and its executors accept: field names and types, names, units,
 * time limits, the graph of a workflow, cron expressions, the rules of executors, the places of secrets. Resources
 * with faults are left out of the result; of the faults, the first hundred are kept.
 */
export function checkResources(documents: readonly RenderedDocument[]): CheckedResources {
  const resources: Resource[] = [];
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<string>();
  for (const document of documents) {
    const faults: Diagnostic[] = [];
    const resource = readResource(document, faults);
    if (resource !== undefined) {
      const identity = `${resource.kind} ${resource.name}`;
      if (seen.has(identity))
        faults.push(nameFault(document, "template/duplicate", `there are two resources ${identity}`));
      seen.add(identity);
      if (faults.every((fault) => fault.severity === "warning")) resources.push(resource);
    }
    diagnostics.push(...faults);
    if (diagnostics.length >= maxFaults) break;
  }
  return { resources, diagnostics: diagnostics.slice(0, maxFaults) };
}

function readResource(document: RenderedDocument, faults: Diagnostic[]): Resource | undefined {
  const { root, file } = document;
  const kind = textOf(childOf(root, "kind"));
  const name = textOf(childOf(root, "name"));
  const spec = childOf(root, "spec");
  if (kind === undefined || !isResourceKind(kind)) {
    const hint = `A kind is one of ${resourceKinds.join(", ")}; the nearest is ${nearest(kind ?? "", resourceKinds) ?? "Function"}.`;
    faults.push(
      faultAt(
        document,
        "kind",
        "resource/unknown-kind",
        `${JSON.stringify(kind ?? "")} is not a kind of resource`,
        hint,
      ),
    );
    return undefined;
  }
  if (name === undefined || !namePattern.test(name)) {
    faults.push(nameFault(document, "resource/name", `${JSON.stringify(name ?? "")} cannot name a resource`));
    return undefined;
  }
  const object = spec === undefined ? undefined : unwrapSpec(kind, spec, faults);
  if (object === undefined) return undefined;
  checkSecretPlaces(object, resourceSpecs[kind], (fault) => faults.push(fault));
  checkShape(
    object,
    resourceSpecs[kind],
    (fault) => faults.push(fault),
    () => faults.length >= maxFaults,
  );
  if (faults.length === 0) checkRules(kind, root, object, (fault) => faults.push(fault));
  return { kind, name, spec: object, file };
}

/** Takes a workflow written as a bare list of function specs, and a `workflowspec` written as JSON text. */
function unwrapSpec(kind: ResourceKind, spec: RenderedNode, faults: Diagnostic[]): RenderedMap | undefined {
  const { file, range } = spec;
  if (kind === "Workflow" && spec.kind === "list") {
    return { kind: "map", entries: [{ key: "functionspecs", keyRange: range, value: spec }], file, range };
  }
  if (spec.kind !== "map") {
    faults.push(
      templateFault("resource/wrong-type", {
        message: `the spec of a ${kind} must be a map`,
        hint: "Put the ColonyOS object itself under spec.",
        location: locateSource(file, range),
      }),
    );
    return undefined;
  }
  const text = textOf(childOf(spec, "workflowspec"));
  if (text === undefined || (kind !== "Cron" && kind !== "Generator")) return spec;
  const embedded = parseEmbedded(text, spec, faults);
  if (embedded === undefined) return undefined;
  const entries = spec.entries.map((entry) => (entry.key === "workflowspec" ? { ...entry, value: embedded } : entry));
  return { ...spec, entries };
}

function parseEmbedded(text: string, spec: RenderedMap, faults: Diagnostic[]): RenderedNode | undefined {
  const entry = findEntry(spec, "workflowspec");
  const range = entry?.value.range ?? spec.range;
  try {
    parseJson(text);
    const [node] = parseSource({ path: spec.file.path, text });
    return node === undefined ? undefined : placed(node, spec.file, range);
  } catch (error) {
    if (!isCpmError(error)) throw error;
    // The text is the author's own JSON inside a string: the place in the file is the string itself.
    faults.push(
      templateFault("resource/wrong-type", {
        message: "workflowspec is text that is not JSON",
        location: locateSource(spec.file, range),
        hint: "Write the workflow as a map; it is turned into text when it is submitted.",
      }),
    );
    return undefined;
  }
}

/** Gives every node of a tree the one place where its text stands. */
function placed(node: RenderedNode, file: SourceFile, range: RenderedNode["range"]): RenderedNode {
  if (node.kind === "scalar") return { ...node, file, range };
  if (node.kind === "list") return { ...node, items: node.items.map((item) => placed(item, file, range)), file, range };
  const entries = node.entries.map((entry) => ({
    key: entry.key,
    keyRange: range,
    value: placed(entry.value, file, range),
  }));
  return { kind: "map", entries, file, range };
}

function nameFault(document: RenderedDocument, code: TemplateErrorCode, message: string): Diagnostic {
  return faultAt(document, "name", code, message);
}

function faultAt(
  document: RenderedDocument,
  key: string,
  code: TemplateErrorCode,
  message: string,
  hint?: string,
): Diagnostic {
  const entry = findEntry(document.root, key);
  const range = entry?.value.range ?? document.root.range;
  return templateFault(code, { message, location: locateSource(document.file, range), hint });
}
