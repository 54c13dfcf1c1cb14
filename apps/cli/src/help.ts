import type { ArgumentSpec, Command, OptionSpec, OptionTable } from "./command.ts";
import { globalOptions } from "./command.ts";
import { commandTable, groupTitles } from "./command-table.ts";
import { exitStatuses } from "./exit-status.ts";

/** `cpm --help`: what there is, most used first. */
export function overviewHelp(): string {
  const width = Math.max(...commandTable.map((entry) => entry.name.length));
  const groups = Object.entries(groupTitles).map(([group, title]) => {
    const entries = commandTable.filter((entry) => entry.group === group);
    return [`${title}:`, ...entries.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.summary}`)].join("\n");
  });
  const statuses = exitStatuses.map(([status, meaning]) => `${status} ${meaning}`).join(" · ");
  return [
    "cpm, the Colony Package Manager: share, verify and run packages on ColonyOS.",
    "",
    "  cpm init hello                       start a package",
    "  cpm install rise/wordcount --wait    install one and watch it run",
    "",
    groups.join("\n\n"),
    "",
    "Use `cpm COMMAND --help` for a command, `cpm --version` for the version.",
    `Exit status: ${statuses}.`,
    "",
  ].join("\n");
}

/** `cpm COMMAND --help`: examples first. */
export function commandHelp(command: Command): string {
  const sections = [
    `${command.summary}.`,
    ...(command.description === undefined ? [] : [command.description]),
    ["Examples:", ...command.examples.map((example) => `  ${example.line}\n      ${example.description}`)].join("\n"),
    `Usage: ${usageLine(command)}`,
    ...(command.arguments.length === 0
      ? []
      : [
          list(
            "Arguments:",
            command.arguments.map((spec) => [argumentText(spec), spec.description]),
          ),
        ]),
    list("Options:", optionRows({ ...command.options, ...globalOptions })),
  ];
  return `${sections.join("\n\n")}\n`;
}

export function usageLine(command: Command): string {
  const args = command.arguments.map(argumentText).join(" ");
  return `cpm ${command.name}${args === "" ? "" : ` ${args}`} [options]`;
}

export function optionRows(table: OptionTable): [string, string][] {
  return Object.entries(table).map(([name, spec]) => [optionText(name, spec), optionDescription(spec)]);
}

function optionText(name: string, spec: OptionSpec): string {
  const value = spec.type === "boolean" ? "" : ` ${spec.value ?? placeholder(spec)}`;
  return `${spec.short === undefined ? "    " : `-${spec.short}, `}--${name}${value}`;
}

function optionDescription(spec: OptionSpec): string {
  const choices = spec.choices === undefined ? "" : ` One of ${spec.choices.join(", ")}.`;
  return `${spec.description}${choices}${spec.type === "strings" ? " Can be given again." : ""}`;
}

function placeholder(spec: OptionSpec): string {
  return { string: "TEXT", strings: "TEXT", integer: "N", duration: "30s", boolean: "" }[spec.type];
}

function argumentText(spec: ArgumentSpec): string {
  const name = `${spec.name}${spec.repeated === true ? "..." : ""}`;
  return spec.optional === true ? `[${name}]` : `<${name}>`;
}

function list(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  return [title, ...rows.map(([name, description]) => `  ${name.padEnd(width)}  ${description}`)].join("\n");
}
