import type { RenderedMap } from "../rendered.ts";
import { childOf, integerOf, itemsOf, textOf } from "../rendered.ts";
import type { ReportRule } from "./rules.ts";

/**
 * What the docker, Kubernetes and HPC executors check before they run anything. A spec that breaks a rule is
 * closed as failed with "Failed to validate funcspec", or crashes the executor's parser.
 */
export function checkContainerRules(spec: RenderedMap, add: ReportRule): void {
  const conditions = childOf(spec, "conditions");
  const type = textOf(childOf(conditions, "executortype")) ?? "";
  if (conditions?.kind !== "map" || !/(^|-)container(-|$)/.test(type)) return;
  const name = textOf(childOf(spec, "funcname"));
  if (name !== "execute" && name !== "sync")
    add("resource/container", childOf(spec, "funcname") ?? spec, `a ${type} knows the functions execute and sync only`);
  if (name === "execute") checkCommand(spec, type, add);
  for (const key of ["nodes", "processespernode", "walltime"]) {
    const node = childOf(conditions, key);
    if ((integerOf(node) ?? 0n) < 1n)
      add("resource/container", node ?? conditions, `a ${type} needs ${key} of at least 1`);
  }
  for (const key of ["maxexectime", "maxretries"]) {
    const node = childOf(spec, key);
    if ((integerOf(node) ?? 0n) < 1n) add("resource/container", node ?? spec, `a ${type} needs ${key} of at least 1`);
  }
  const wall = childOf(conditions, "walltime");
  const [wallSeconds, execSeconds] = [integerOf(wall) ?? 0n, integerOf(childOf(spec, "maxexectime")) ?? 0n];
  if (wall !== undefined && wallSeconds > 0n && wallSeconds < execSeconds) {
    add("resource/container", wall, `walltime ${wallSeconds} is shorter than maxexectime ${execSeconds}`);
  }
  const cpu = childOf(conditions, "cpu");
  const demand = textOf(cpu) ?? "";
  if (demand.length <= 2)
    add(
      "resource/container",
      cpu ?? conditions,
      `a ${type} needs a cpu demand of at least 10m`,
      "One processor is 1000m.",
    );
}

function checkCommand(spec: RenderedMap, type: string, add: ReportRule): void {
  const kwargs = childOf(spec, "kwargs");
  for (const key of ["docker-image", "cmd"]) {
    const node = childOf(kwargs, key);
    if ((textOf(node) ?? "") === "")
      add("resource/container", node ?? kwargs ?? spec, `a ${type} needs kwargs.${key}, a string`);
  }
  for (const arg of itemsOf(childOf(kwargs, "args"))) {
    if (textOf(arg) === undefined)
      add("resource/container", arg, `kwargs.args of a ${type} holds strings only; anything else crashes it`);
  }
  const rebuild = childOf(kwargs, "rebuild-image");
  if (rebuild?.kind === "scalar" && rebuild.value === true) {
    add("resource/container", rebuild, "rebuild-image deletes the image and never closes the process", "Leave it out.");
  }
  const env = childOf(spec, "env");
  for (const entry of env?.kind === "map" ? env.entries : []) {
    const text = textOf(entry.value) ?? "";
    if (/["$\\`\n]/.test(text))
      add(
        "resource/container",
        entry.value,
        `the value of ${entry.key} holds ", $, \\, \` or a line break, which the Kubernetes and HPC templates do not escape`,
      );
  }
}
