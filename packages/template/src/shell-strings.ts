import type { Diagnostic } from "@cpm/base";
import { locateSource } from "@cpm/model";
import type { Expression } from "./cel/expression.ts";
import type { StaticType } from "./cel/static-type.ts";
import { templateFault } from "./errors.ts";
import type { TemplateMap, TemplateNode } from "./template-node.ts";

const shells = /^(?:.*\/)?(?:sh|bash|dash|ash|zsh|ksh|fish)$/;

/** Keys whose whole string a container executor hands to `sh -c`, unquoted (facts: the executors' own contract). */
const shellKeys = new Set(["cmd", "init-cmd"]);

/**
 * Expressions that a shell would read as code: in the string after `sh -c`, in the `cmd`, `init-cmd` and `args`
 * of a container executor, which joins them with spaces and gives them to a shell. Values that cannot hold
 * anything but digits and letters (whole numbers, true or false) may stand in `args`.
 */
export function shellFaults(map: TemplateMap, typeOf: (expression: Expression) => StaticType): Diagnostic[] {
  const kwargs = map.entries.find((entry) => entry.key === "kwargs")?.value;
  const conditions = map.entries.find((entry) => entry.key === "conditions")?.value;
  const container = /container/.test(literalText(entryOf(conditions, "executortype")) ?? "");
  const faults: Diagnostic[] = [];
  const holders = [entryOf(map, "args"), entryOf(kwargs, "args")];
  for (const list of holders) faults.push(...scriptFaults(list));
  if (kwargs?.kind !== "map") return faults;
  for (const entry of kwargs.entries) {
    if (shellKeys.has(entry.key) && (container || holdsShell(entry.value)))
      faults.push(...expressionsOf(entry.value).map(shellFault));
  }
  if (container) {
    const items = entryOf(kwargs, "args");
    const free =
      items === undefined ? [] : expressionsOf(items).filter((expression) => !isShellSafe(typeOf(expression)));
    faults.push(...free.map(shellFault));
  }
  return unique(faults);
}

/** The strings that follow a `-c` of a shell in a list of arguments. */
function scriptFaults(list: TemplateNode | undefined): Diagnostic[] {
  if (list?.kind !== "list") return [];
  const flag = list.items.findIndex(
    (item, index) =>
      /^-[a-z]*c$/.test(literalText(item) ?? "") &&
      (index === 0 || shells.test(literalText(list.items[index - 1]) ?? "")),
  );
  const script = flag === -1 ? undefined : list.items[flag + 1];
  return script === undefined ? [] : expressionsOf(script).map(shellFault);
}

function holdsShell(node: TemplateNode): boolean {
  const text =
    node.kind === "text" ? node.parts.filter((part) => typeof part === "string").join(" ") : (literalText(node) ?? "");
  return /(?:^|[\s/])(?:sh|bash|dash|ash|zsh|ksh)\s+-[a-z]*c(?:\s|$)/.test(text);
}

function isShellSafe(type: StaticType): boolean {
  return type.kind === "int" || type.kind === "bool" || type.kind === "double";
}

function shellFault(expression: Expression): Diagnostic {
  const message = `"${expression.source.trim()}" is put into a shell command, where its text can become code`;
  return templateFault("template/shell-injection", {
    message,
    location: locateSource(expression.file, expression.range),
  });
}

function expressionsOf(node: TemplateNode): Expression[] {
  switch (node.kind) {
    case "expression":
      return [node.expression];
    case "text":
      return node.parts.filter((part) => typeof part !== "string");
    case "list":
      return node.items.flatMap(expressionsOf);
    case "map":
      return [
        ...node.entries.flatMap((entry) => expressionsOf(entry.value)),
        ...(node.value === undefined ? [] : expressionsOf(node.value)),
      ];
    case "literal":
      return [];
  }
}

function entryOf(node: TemplateNode | undefined, key: string): TemplateNode | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key)?.value : undefined;
}

function literalText(node: TemplateNode | undefined): string | undefined {
  return node?.kind === "literal" && typeof node.value === "string" ? node.value : undefined;
}

function unique(faults: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(faults.map((fault) => [`${fault.location?.line}:${fault.location?.column}`, fault])).values()];
}
