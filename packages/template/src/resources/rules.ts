import type { Diagnostic } from "@cpm/base";
import { locateSource } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { RenderedMap, RenderedNode } from "../rendered.ts";
import { childOf, integerOf, itemsOf, textOf } from "../rendered.ts";
import { checkContainerRules } from "./container-rules.ts";
import { cronFault } from "./cron-expression.ts";
import { checkGraph } from "./graph.ts";
import type { ResourceKind } from "./kinds.ts";

export type ReportRule = (code: TemplateErrorCode, node: RenderedNode, message: string, hint?: string) => void;

/** A btree row of the server's database holds about 2.7 kB; a longer indexed value fails at insert. */
const maxIndexedLength = 2000;
const namePattern = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * The traps of ColonyOS that a well-typed object can still fall into: what the server takes and then fails,
 * ignores or misreads. Each rule names what would have happened.
 */
export function checkRules(kind: ResourceKind, spec: RenderedMap, report: (fault: Diagnostic) => void): void {
  const add: ReportRule = (code, node, message, hint) =>
    report(templateFault(code, { message, hint, location: locateSource(node.file, node.range) }));
  switch (kind) {
    case "Function":
      checkFunction(spec, add);
      refuseDependencies(spec, add);
      return;
    case "Workflow":
      checkWorkflow(spec, add);
      return;
    case "Cron":
      checkCron(spec, add);
      return;
    case "Generator":
      checkGenerator(spec, add);
      return;
    case "BlueprintDefinition":
    case "Blueprint":
      checkStoredText(spec, add);
  }
}

function checkFunction(spec: RenderedMap, add: ReportRule): void {
  const time = childOf(spec, "maxexectime");
  if (time !== undefined && integerOf(time) === 0n)
    add("resource/max-exec-time", time, "maxexectime 0 fails the process about a second after it starts");
  const priority = childOf(spec, "priority");
  const level = integerOf(priority);
  if (priority !== undefined && level !== undefined && (level < -50_000n || level > 50_000n)) {
    add("resource/invalid-value", priority, `priority ${level} lies outside -50000 to 50000`);
  }
  for (const key of ["maxwaittime", "maxexectime", "maxretries"]) {
    const node = childOf(spec, key);
    if (node !== undefined && (integerOf(node) ?? 0n) < -1n)
      add("resource/invalid-value", node, `${key} is -1 (no limit) or more`);
  }
  checkText(spec, "funcname", add);
  const label = childOf(spec, "label");
  if ((textOf(label) ?? "") !== "" && label !== undefined) {
    add(
      "resource/invalid-value",
      label,
      "the label is how a release finds its work again",
      "Leave label out: it is set to cpm:<release>. Put your own marks into kwargs or env.",
    );
  }
  const conditions = childOf(spec, "conditions");
  if (conditions?.kind === "map") checkConditions(conditions, add);
  checkContainerRules(spec, add);
  checkSnapshots(spec, add);
}

function checkConditions(conditions: RenderedMap, add: ReportRule): void {
  checkText(conditions, "executortype", add);
  for (const name of itemsOf(childOf(conditions, "executornames"))) {
    if (textOf(name) === "*")
      add(
        "resource/invalid-value",
        name,
        '"*" matches nothing on a server with exclusive assignment',
        "Leave executornames empty for any executor.",
      );
    else if (!namePattern.test(textOf(name) ?? ""))
      add("resource/name", name, `${JSON.stringify(textOf(name))} cannot be an executor's name`);
  }
  checkQuantity(conditions, "cpu", /^\d+m$/, add);
  checkQuantity(conditions, "mem", /^\d+(Mi|Gi|Ki)$/, add);
  const gpu = childOf(conditions, "gpu");
  if (gpu?.kind === "map") checkQuantity(gpu, "mem", /^\d+(Mi|Gi|Ki)$/, add);
  const storage = childOf(conditions, "storage");
  if (storage !== undefined && !["", "0Mi"].includes(textOf(storage) ?? "")) {
    add(
      "resource/unit",
      storage,
      "a storage demand is never met by a server with exclusive assignment",
      "Leave storage empty.",
    );
  }
  for (const key of ["nodes", "processes", "processespernode"]) {
    const node = childOf(conditions, key);
    const count = integerOf(node);
    if (node !== undefined && count !== undefined && (count < 0n || count > 127n))
      add("resource/invalid-value", node, `${key} ${count} is never assigned: it must lie between 0 and 127`);
  }
  const colony = childOf(conditions, "colonyname");
  if (colony !== undefined && (textOf(colony) ?? "") !== "") {
    add(
      "resource/invalid-value",
      colony,
      "the colony is chosen when the package is installed",
      "Leave colonyname out.",
    );
  }
}

function checkQuantity(map: RenderedMap, key: string, pattern: RegExp, add: ReportRule): void {
  const node = childOf(map, key);
  const text = textOf(node);
  if (node === undefined || text === undefined || text === "" || pattern.test(text)) return;
  const consequence =
    key === "cpu" ? "ColonyOS reads it as no demand or refuses it" : "ColonyOS refuses it, or takes it only sometimes";
  add("resource/unit", node, `${key} ${JSON.stringify(text)}: ${consequence}`);
}

function checkText(map: RenderedMap, key: string, add: ReportRule): void {
  const node = childOf(map, key);
  const text = textOf(node);
  if (node === undefined || text === undefined) return;
  if (text === "") add("resource/invalid-value", node, `${key} is empty`);
  else if (text.length > maxIndexedLength)
    add(
      "resource/invalid-value",
      node,
      `${key} is longer than the ${maxIndexedLength} characters that the server can index`,
    );
}

function refuseDependencies(spec: RenderedMap, add: ReportRule): void {
  const dependencies = childOf(childOf(spec, "conditions"), "dependencies");
  if (dependencies !== undefined && itemsOf(dependencies).length > 0) {
    add("resource/unknown-node", dependencies, "a function by itself has nothing to depend on", "Make it a Workflow.");
  }
}

function checkWorkflow(spec: RenderedMap, add: ReportRule): void {
  const nodes = childOf(spec, "functionspecs");
  if (nodes?.kind !== "list") return;
  if (nodes.items.length === 0) add("resource/invalid-value", nodes, "a workflow without nodes waits for ever");
  for (const node of nodes.items) if (node.kind === "map") checkFunction(node, add);
  checkGraph(nodes, add);
}

function checkCron(spec: RenderedMap, add: ReportRule): void {
  const expression = childOf(spec, "cronexpression");
  const interval = childOf(spec, "interval");
  const seconds = integerOf(interval);
  const text = textOf(expression);
  if (expression !== undefined && text !== undefined && text !== "") {
    const fault = cronFault(text);
    if (fault !== undefined) add("resource/cron", expression, fault.message, fault.hint);
  }
  if (interval !== undefined && seconds !== undefined && (seconds === 0n || seconds < -1n)) {
    add(
      "resource/cron",
      interval,
      `interval ${seconds}: it is seconds, or -1 to use cronexpression`,
      "Leave interval out to use cronexpression.",
    );
  }
  if ((text ?? "") === "" && (seconds ?? -1n) < 1n)
    add("resource/cron", spec, "a cron needs a cronexpression or an interval");
  if ((text ?? "") !== "" && (seconds ?? -1n) > 0n && interval !== undefined)
    add("resource/cron", interval, "with an interval the server ignores cronexpression", "Keep one of the two.");
  checkEmbedded(spec, add);
}

function checkGenerator(spec: RenderedMap, add: ReportRule): void {
  const trigger = childOf(spec, "trigger");
  if (trigger !== undefined && (integerOf(trigger) ?? 1n) < 1n)
    add("resource/invalid-value", trigger, "trigger is how many values start a workflow, at least 1");
  const timeout = childOf(spec, "timeout");
  if (timeout !== undefined && (integerOf(timeout) ?? 0n) < 0n)
    add("resource/invalid-value", timeout, "timeout is in seconds, 0 for none");
  checkEmbedded(spec, add);
}

function checkEmbedded(spec: RenderedMap, add: ReportRule): void {
  for (const key of ["name", "colonyname"]) {
    const node = childOf(spec, key);
    if (node !== undefined && (textOf(node) ?? "") !== "")
      add(
        "resource/invalid-value",
        node,
        `${key} is set when the package is installed`,
        `Leave ${key} out of the spec; the resource's own name is used.`,
      );
  }
  const workflow = childOf(spec, "workflowspec");
  if (workflow?.kind === "map") checkWorkflow(workflow, add);
}

/** `keepsnaphot` is what upstream's examples say; the server ignores it and the executor deletes the snapshot. */
function checkSnapshots(spec: RenderedMap, add: ReportRule): void {
  const snapshots = childOf(childOf(spec, "fs"), "snapshots");
  for (const snapshot of itemsOf(snapshots)) {
    const label = childOf(snapshot, "label");
    if (label !== undefined && !(textOf(label) ?? "/").startsWith("/"))
      add("resource/invalid-value", label, "a label starts with /");
  }
}

/** A NUL in a blueprint makes every later update of its status fail in the database. */
function checkStoredText(node: RenderedNode, add: ReportRule): void {
  if (node.kind === "list") for (const item of node.items) checkStoredText(item, add);
  else if (node.kind === "map") for (const entry of node.entries) checkStoredText(entry.value, add);
  else if (typeof node.value === "string" && node.value.includes("\0"))
    add("resource/invalid-value", node, "text with a NUL character cannot be stored");
}
