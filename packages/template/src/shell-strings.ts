import type { Diagnostic } from "@cpm/base";
import { locateSource } from "@cpm/model";
import type { Expression } from "./cel/expression.ts";
import type { StaticType } from "./cel/static-type.ts";
import { templateFault } from "./errors.ts";
import { isContainerType } from "./resources/container-rules.ts";
import type { TemplateMap, TemplateNode, TemplateText } from "./template-node.ts";

const shells = /^(?:.*\/)?(?:sh|bash|dash|ash|zsh|ksh|mksh|fish|csh|tcsh)$/;

/** A cluster of short options with `c` in it: `-c`, `-lc`, `-ec`. */
const commandOption = /^-[A-Za-z]*c[A-Za-z]*$/;

/** Options of shells that take the next argument: `sh -o pipefail -c …`. */
const optionWithValue = /^(?:[-+][A-Za-z]*[oO]|--rcfile|--init-file)$/;

/** A shell and its `-c` in one text. */
const shellWithScript =
  /(?:^|[\s/;&|(])(?:sh|bash|dash|ash|zsh|ksh|mksh|fish|csh|tcsh)\s+(?:[-+]\S+\s+)*-[A-Za-z]*c(?:\s|$)/;

/** Keys whose whole string a container executor hands to `sh -c`. */
const shellKeys = new Set(["cmd", "init-cmd"]);

/**
 * Expressions that a shell would read as code: in the script after `sh -c`, whatever starts the shell (`env sh -c`,
 * `timeout 5 bash -lc`), and in the `cmd`, `init-cmd` and `args` of a container executor, which joins them with
 * spaces and gives them to a shell. Values that cannot hold anything but digits and letters (numbers, true or
 * false) may stand in those `args`. An executor that starts programs itself, such as `local-executor`, has no shell,
 * so that there every argument but a script is safe.
 */
export function shellFaults(map: TemplateMap, typeOf: (expression: Expression) => StaticType): Diagnostic[] {
  const kwargs = entryOf(map, "kwargs");
  const found = scriptsIn(itemsOf(entryOf(map, "args"))).flatMap(expressionsOf);
  if (kwargs?.kind === "map") {
    const command = entryOf(kwargs, "cmd");
    const args = entryOf(kwargs, "args");
    found.push(...scriptsIn([...(command === undefined ? [] : [command]), ...itemsOf(args)]).flatMap(expressionsOf));
    // A list that is one expression may hold the option and the script.
    if (args?.kind === "expression" && shells.test(literalText(command) ?? "")) found.push(args.expression);
    if (isContainerCall(map, kwargs)) {
      for (const entry of kwargs.entries) if (shellKeys.has(entry.key)) found.push(...expressionsOf(entry.value));
      if (args !== undefined)
        found.push(...expressionsOf(args).filter((expression) => !isShellSafe(typeOf(expression))));
    }
  }
  return [...new Set(found)].map(shellFault);
}

/**
 * The scripts in a command line: of every shell in it, the first argument that is no option, where one of its
 * options is `-c`. A program that is not written out is taken for a shell when `-c` follows it.
 */
function scriptsIn(words: readonly TemplateNode[]): TemplateNode[] {
  return words.flatMap((word, index) => {
    if (word.kind === "text" && holdsShell(word)) return [word];
    const text = literalText(word) ?? knownEnd(word);
    const shell = text === undefined ? index === 0 : shells.test(text);
    return shell ? scriptAfter(words, index + 1) : [];
  });
}

function scriptAfter(words: readonly TemplateNode[], start: number): TemplateNode[] {
  let command = false;
  for (let at = start; at < words.length; at++) {
    const word = words[at];
    const text = literalText(word);
    if (text === undefined || text === "--" || !/^[-+]/.test(text)) {
      const script = text === "--" ? words[at + 1] : word;
      return command && script !== undefined ? [script] : [];
    }
    if (commandOption.test(text)) command = true;
    if (optionWithValue.test(text)) at++;
  }
  return [];
}

/** The name of a program whose directory is an expression: `${package.path}/bin/tool`. */
function knownEnd(word: TemplateNode): string | undefined {
  const last = word.kind === "text" ? word.parts.at(-1) : undefined;
  return typeof last === "string" && last.includes("/") ? last : undefined;
}

/** Text that starts a shell with a script in one string: `cmd: sh -c "echo ${x}"`, `env -S "sh -c …"`. */
function holdsShell(text: TemplateText): boolean {
  return shellWithScript.test(text.parts.filter((part) => typeof part === "string").join(" "));
}

/** A call that an executor of containers would take; by its image where the type is not written out. */
function isContainerCall(map: TemplateMap, kwargs: TemplateMap): boolean {
  const type = literalText(entryOf(entryOf(map, "conditions"), "executortype"));
  return type === undefined ? entryOf(kwargs, "docker-image") !== undefined : isContainerType(type);
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

/** The words of a list, each as what it is when it is there. */
function itemsOf(node: TemplateNode | undefined): TemplateNode[] {
  return node?.kind === "list" ? node.items.map(present) : [];
}

/** What stands for a map with `$value`. */
function present(node: TemplateNode): TemplateNode {
  return node.kind === "map" && node.value !== undefined ? present(node.value) : node;
}

function entryOf(node: TemplateNode | undefined, key: string): TemplateNode | undefined {
  const value = node?.kind === "map" ? node.entries.find((entry) => entry.key === key)?.value : undefined;
  return value === undefined ? undefined : present(value);
}

function literalText(node: TemplateNode | undefined): string | undefined {
  return node?.kind === "literal" && typeof node.value === "string" ? node.value : undefined;
}
