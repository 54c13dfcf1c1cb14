export { runCli } from "./cli.ts";
export type { Command, OptionSpec } from "./command.ts";
export { globalOptions } from "./command.ts";
export { commandTable, groupTitles } from "./command-table.ts";
export type { CliContext, TextSink, TextSource } from "./context.ts";
export { cliErrors } from "./errors.ts";
export { commandHelp, optionRows, overviewHelp, usageLine } from "./help.ts";
