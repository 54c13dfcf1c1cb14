import type { Command } from "@cpm/cli";
import { exitStatuses } from "@cpm/base";
import { commandTable, globalOptions, groupTitles, optionRows, usageLine } from "@cpm/cli";
import type { Variable } from "./environment.ts";
import { readVariables, workVariables } from "./environment.ts";
import { generatedMark, joinSections, markdownTable } from "./markdown.ts";

type CommandEntry = (typeof commandTable)[number];

/** `docs/cli.md`: every command as its own table says, examples first. */
export async function cliPage(introduction: string): Promise<string> {
  const commands: string[] = [];
  for (const entry of commandTable) commands.push(commandSection(entry, await entry.load()));
  return joinSections([
    generatedMark("tools/src/docs/cli.intro.md and the command table of apps/cli"),
    introduction,
    "## Commands",
    ...Object.entries(groupTitles).map(([group, title]) => groupSection(group, title)),
    ...commands,
    `## Options of every command\n\n${optionTable(optionRows(globalOptions))}`,
    `## Exit status\n\n${markdownTable(["status", "meaning"], exitStatuses.map(exitRow))}`,
    `## Environment\n\n${variableTable(readVariables)}`,
    `## What work sees\n\n${variableTable(workVariables)}`,
  ]);
}

function groupSection(group: string, title: string): string {
  const entries = commandTable.filter((entry) => entry.group === group);
  const rows = entries.map(({ name, summary }) => [`[\`cpm ${name}\`](#cpm-${name})`, summary]);
  return `**${title}**\n\n${markdownTable(["command", ""], rows)}`;
}

/** The summary is the table's own; a command that says another thing about itself is a fault. */
function commandSection(entry: CommandEntry, command: Command): string {
  if (command.name !== entry.name || command.summary !== entry.summary) {
    throw new Error(
      `the command table says "${entry.name}: ${entry.summary}", its file "${command.name}: ${command.summary}"`,
    );
  }
  if (command.examples.length === 0) throw new Error(`cpm ${command.name} has no example`);
  const examples = command.examples.map(({ line, description }) => `# ${description}\n${line}`).join("\n\n");
  const options = optionRows(command.options);
  return joinSections([
    `## cpm ${command.name}`,
    `${command.summary}.`,
    ...(command.description === undefined ? [] : [command.description]),
    `\`\`\`sh\n${examples}\n\`\`\``,
    `Usage: \`${usageLine(command)}\``,
    ...(command.arguments.length === 0 ? [] : [argumentTable(command)]),
    ...(options.length === 0 ? [] : [optionTable(options)]),
  ]);
}

function argumentTable(command: Command): string {
  return markdownTable(
    ["argument", ""],
    command.arguments.map((spec) => {
      const notes = [
        ...(spec.optional === true ? ["optional"] : []),
        ...(spec.repeated === true ? ["any number"] : []),
      ];
      return [`\`${spec.name}\``, `${spec.description}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`];
    }),
  );
}

function optionTable(rows: readonly (readonly [string, string])[]): string {
  return markdownTable(
    ["option", ""],
    rows.map(([flag, description]) => [`\`${flag.trim()}\``, description]),
  );
}

function variableTable(variables: readonly Variable[]): string {
  return markdownTable(
    ["variable", ""],
    variables.map(({ name, meaning }) => [`\`${name}\``, meaning]),
  );
}

function exitRow([status, meaning]: readonly [number, string]): readonly string[] {
  return [String(status), meaning];
}
