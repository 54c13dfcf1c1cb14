import type { RenderedMap } from "../rendered.ts";
import { childOf, itemsOf, textOf } from "../rendered.ts";
import type { ReportRule } from "./report-rule.ts";

/** The contract of CPM's own `local-executor`: it starts `cmd` with `args`, with no shell between. */
export function checkLocalRules(spec: RenderedMap, add: ReportRule): void {
  if (textOf(childOf(childOf(spec, "conditions"), "executortype")) !== "local-executor") return;
  const name = childOf(spec, "funcname");
  if (name !== undefined && textOf(name) !== "execute")
    add("resource/local-executor", name, "a local-executor knows the function execute only");
  const kwargs = childOf(spec, "kwargs");
  const command = childOf(kwargs, "cmd");
  if ((textOf(command) ?? "") === "")
    add(
      "resource/local-executor",
      command ?? kwargs ?? spec,
      "a local-executor needs kwargs.cmd, the program to start",
    );
  const args = childOf(kwargs, "args");
  if (args !== undefined && args.kind !== "list")
    add("resource/local-executor", args, "kwargs.args of a local-executor is a list of strings");
  for (const arg of itemsOf(args))
    if (textOf(arg) === undefined)
      add("resource/local-executor", arg, "kwargs.args of a local-executor holds strings only", "Use string(…).");
}
