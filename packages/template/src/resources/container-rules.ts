import type { RenderedMap, RenderedNode } from "../rendered.ts";
import { childOf, integerOf, isKindOf, itemsOf, textOf } from "../rendered.ts";
import type { ReportRule } from "./report-rule.ts";

/** Whether an executor type is one of those that start containers, such as `container-executor`. */
export function isContainerType(type: string): boolean {
  return /(?:^|-)container(?:-|$)/.test(type);
}

/**
 * What the docker, Kubernetes and HPC executors check before they run anything. A spec that breaks a rule is
 * closed as failed with "Failed to validate funcspec", or crashes the executor's parser.
 */
export function checkContainerRules(spec: RenderedMap, add: ReportRule): void {
  const conditions = childOf(spec, "conditions");
  const type = textOf(childOf(conditions, "executortype")) ?? "";
  if (conditions?.kind !== "map" || !isContainerType(type)) return;
  const name = textOf(childOf(spec, "funcname"));
  if (name !== "execute" && name !== "sync")
    add("resource/container", childOf(spec, "funcname") ?? spec, `a ${type} knows the functions execute and sync only`);
  if (name === "execute") checkCommand(spec, type, add);
  for (const key of ["nodes", "processespernode", "walltime"]) requirePositive(conditions, key, type, add);
  for (const key of ["maxexectime", "maxretries"]) requirePositive(spec, key, type, add);
  const wall = childOf(conditions, "walltime");
  const [wallSeconds, execSeconds] = [integerOf(wall) ?? 0n, integerOf(childOf(spec, "maxexectime")) ?? 0n];
  if (wall !== undefined && wallSeconds > 0n && wallSeconds < execSeconds) {
    add("resource/container", wall, `walltime ${wallSeconds} is shorter than maxexectime ${execSeconds}`);
  }
  const cpu = childOf(conditions, "cpu");
  const demand = textOf(cpu) ?? "";
  if (demand.length <= 2) {
    const message = `a ${type} needs a cpu demand of at least 10m`;
    add("resource/container", cpu ?? conditions, message, "One processor is 1000m.");
  }
}

function requirePositive(map: RenderedMap, key: string, type: string, add: ReportRule): void {
  const node = childOf(map, key);
  if ((integerOf(node) ?? 0n) < 1n) add("resource/container", node ?? map, `a ${type} needs ${key} of at least 1`);
}

function checkCommand(spec: RenderedMap, type: string, add: ReportRule): void {
  const kwargs = childOf(spec, "kwargs");
  for (const key of ["docker-image", "cmd"]) {
    const node = childOf(kwargs, key);
    if ((textOf(node) ?? "") === "")
      add("resource/container", node ?? kwargs ?? spec, `a ${type} needs kwargs.${key}, a string`);
  }
  checkArguments(childOf(kwargs, "args"), type, add);
  const script = childOf(kwargs, "init-cmd");
  if (script !== undefined && textOf(script) === undefined)
    add("resource/container", script, `kwargs.init-cmd of a ${type} is a string`);
  for (const key of ["debug", "rebuild-image"]) {
    const flag = childOf(kwargs, key);
    if (flag !== undefined && !isKindOf(flag, "boolean"))
      add("resource/container", flag, `kwargs.${key} of a ${type} is true or false`);
  }
  const rebuild = childOf(kwargs, "rebuild-image");
  if (rebuild?.kind === "scalar" && rebuild.value === true)
    add("resource/container", rebuild, "rebuild-image deletes the image and never closes the process", "Leave it out.");
  checkEnvironment(childOf(spec, "env"), add);
}

function checkArguments(args: RenderedNode | undefined, type: string, add: ReportRule): void {
  if (args !== undefined && args.kind !== "list")
    add("resource/container", args, `kwargs.args of a ${type} is a list of strings`);
  for (const arg of itemsOf(args)) {
    const text = textOf(arg);
    if (text === undefined) {
      const message = `kwargs.args of a ${type} holds strings only; anything else crashes it`;
      add("resource/container", arg, message);
    } else if (/[\s;&|<>()$`*?#~]/.test(text) && !/^(?:'[^']*'|"[^"]*")$/.test(text)) {
      const message = `a ${type} joins args with spaces and gives them to a shell, which takes this one apart`;
      add("resource/container-shell", arg, message, "Put it in single quotes inside the string, or into env.");
    }
  }
}

/** A secret is looked at too: what is said of it is only where it stands. */
function checkEnvironment(env: RenderedNode | undefined, add: ReportRule): void {
  for (const { key, value } of env?.kind === "map" ? env.entries : []) {
    if (value.kind !== "scalar" || value.value === null) continue;
    const text = typeof value.value === "object" ? value.value.reveal() : String(value.value);
    if (!/["$\\`\n]/.test(text)) continue;
    const message = `the value of ${key} holds ", $, \\, \` or a line break, which Kubernetes and HPC executors do not escape`;
    add(
      "resource/container-shell",
      value,
      message,
      "Pass it encoded (base64), or in a file, where such an executor runs.",
    );
  }
}
