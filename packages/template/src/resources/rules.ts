import type { Diagnostic } from "@cpm/base";
import { locateSource } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { RenderedMap } from "../rendered.ts";
import { childOf, itemsOf } from "../rendered.ts";
import { checkBlueprint, checkBlueprintDefinition } from "./blueprint-rules.ts";
import { checkFunction } from "./function-rules.ts";
import { checkGraph } from "./graph.ts";
import type { ResourceKind } from "./kinds.ts";
import type { ReportRule } from "./report-rule.ts";
import { noteIgnored } from "./report-rule.ts";
import { checkCron, checkGenerator } from "./schedule-rules.ts";
import { checkStoredText } from "./stored-values.ts";

/** What works, but not as written; everything else is refused. */
const warnings: ReadonlySet<TemplateErrorCode> = new Set<TemplateErrorCode>([
  "resource/ignored",
  "resource/container-shell",
  "resource/unchecked-schema",
  "resource/lost-snapshot",
]);

/**
 * The traps of ColonyOS that a well-typed object can still fall into: what the server takes and then fails,
 * ignores or misreads. Each rule names what would have happened. `root` is the whole document, with its name.
 */
export function checkRules(
  kind: ResourceKind,
  root: RenderedMap,
  spec: RenderedMap,
  report: (fault: Diagnostic) => void,
): void {
  const add: ReportRule = (code, node, message, hint) => {
    const severity = warnings.has(code) ? "warning" : "error";
    report(templateFault(code, { message, hint, location: locateSource(node.file, node.range) }, severity));
  };
  checkStoredText(spec, add);
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
      checkEmbedded(spec, add);
      return;
    case "Generator":
      checkGenerator(spec, add);
      checkEmbedded(spec, add);
      return;
    case "BlueprintDefinition":
      checkBlueprintDefinition(root, spec, add);
      return;
    case "Blueprint":
      checkBlueprint(root, spec, add);
  }
}

function refuseDependencies(spec: RenderedMap, add: ReportRule): void {
  const dependencies = childOf(childOf(spec, "conditions"), "dependencies");
  if (dependencies !== undefined && itemsOf(dependencies).length > 0)
    add("resource/unknown-node", dependencies, "a function by itself has nothing to depend on", "Make it a Workflow.");
}

function checkWorkflow(spec: RenderedMap, add: ReportRule): void {
  noteIgnored(spec, ["colonyname"], add);
  const nodes = childOf(spec, "functionspecs");
  if (nodes?.kind !== "list") return;
  if (nodes.items.length === 0) add("resource/empty-workflow", nodes, "a workflow without nodes waits for ever");
  for (const node of nodes.items) if (node.kind === "map") checkFunction(node, add);
  checkGraph(nodes, add);
}

function checkEmbedded(spec: RenderedMap, add: ReportRule): void {
  noteIgnored(spec, ["name", "colonyname"], add);
  const workflow = childOf(spec, "workflowspec");
  if (workflow?.kind === "map") checkWorkflow(workflow, add);
}
