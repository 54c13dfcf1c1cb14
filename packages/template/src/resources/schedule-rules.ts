import type { RenderedMap } from "../rendered.ts";
import { childOf, integerOf, itemsOf, textOf } from "../rendered.ts";
import { cronFault } from "./cron-expression.ts";
import type { ReportRule } from "./report-rule.ts";
import { checkCount } from "./report-rule.ts";

const maxInt64 = 2n ** 63n - 1n;

/** A cron runs by its expression or by its interval; the server takes some mixtures and ignores a part of them. */
export function checkCron(spec: RenderedMap, add: ReportRule): void {
  const expression = childOf(spec, "cronexpression");
  const interval = childOf(spec, "interval");
  const seconds = integerOf(interval) ?? -1n;
  const text = textOf(expression) ?? "";
  if (expression !== undefined && text !== "") {
    const fault = cronFault(text);
    if (fault !== undefined) add("resource/cron", expression, fault.message, fault.hint);
  }
  if (interval !== undefined && (seconds === 0n || seconds < -1n)) {
    const message = `interval ${seconds}: it is seconds, or -1 to use cronexpression`;
    add("resource/cron", interval, message, "Leave interval out to use cronexpression.");
  }
  if (text === "" && seconds === -1n) add("resource/cron", spec, "a cron needs a cronexpression or an interval");
  if (interval === undefined || seconds < 1n) return;
  if (text !== "")
    add("resource/cron", interval, "with an interval the server ignores cronexpression", "Keep one of the two.");
  const random = childOf(spec, "random");
  if (random?.kind === "scalar" && random.value === true) {
    const message = "with an interval the server ignores random";
    add("resource/ignored", random, message, "Use a cronexpression, or leave random out.");
  }
}

/** A generator puts what was packed into `args` of the first nodes and empties their `kwargs`. */
export function checkGenerator(spec: RenderedMap, add: ReportRule): void {
  checkCount(spec, "trigger", [1n, maxInt64], "is how many values start a workflow, at least 1", add);
  checkCount(spec, "timeout", [0n, maxInt64], "is in seconds, 0 for none", add);
  for (const node of itemsOf(childOf(childOf(spec, "workflowspec"), "functionspecs"))) {
    if (itemsOf(childOf(childOf(node, "conditions"), "dependencies")).length > 0) continue;
    for (const key of ["kwargs", "args"]) {
      const given = childOf(node, key);
      const size = given?.kind === "map" ? given.entries.length : itemsOf(given).length;
      if (given === undefined || size === 0) continue;
      const message = `a generator replaces args and empties kwargs of nodes without dependencies, so these ${key} are lost`;
      add("resource/generator", given, message, "Put them into env, or into a node that depends on this one.");
    }
  }
}
