import type { ArgumentSpec, Command, OptionSpec, OptionTable } from "./command.ts";
import { globalOptions } from "./command.ts";
import { commandTable, groupTitles } from "./command-table.ts";
import { exitStatuses } from "@cpm/base";
import { wrapText } from "./output/terminal-text.ts";

const widestText = 100;

/** `cpm --help`: what there is, most used first. */
export function overviewHelp(columns: number): string {
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
    ...wrapText(`Exit status: ${statuses}.`, Math.min(columns, widestText)),
    "",
  ].join("\n");
}

/** `cpm COMMAND --help`: examples first. Lines are broken for a terminal of that many columns. */
export function commandHelp(command: Command, columns: number): string {
  const width = Math.min(columns, widestText);
  const sections = [
    `${command.summary}.`,
    ...(command.description === undefined ? [] : [wrapText(command.description, width).join("\n")]),
    ["Examples:", ...command.examples.map((example) => `  ${example.line}\n      ${example.description}`)].join("\n"),
    `Usage: ${usageLine(command)}`,
    ...(command.arguments.length === 0
      ? []
      : [
          list(
            "Arguments:",
            command.arguments.map((spec) => [argumentText(spec), spec.description]),
            width,
          ),
        ]),
    list("Options:", optionRows({ ...command.options, ...globalOptions }), width),
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

/** Descriptions beside their names, or below them where there is no room. */
function list(title: string, rows: readonly (readonly [string, string])[], columns: number): string {
  const names = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  const room = columns - names - 4;
  const lines = rows.flatMap(([name, description]) => {
    if (room < 24)
      return [
        `  ${name}`,
        ...wrapText(description, Math.max(24, columns - 10)).map((line) => `${" ".repeat(10)}${line}`),
      ];
    return wrapText(description, room).map((line, index) => `  ${(index === 0 ? name : "").padEnd(names)}  ${line}`);
  });
  return [title, ...lines].join("\n");
}
