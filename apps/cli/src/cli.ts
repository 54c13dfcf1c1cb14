import { isCpmError, nearest } from "@cpm/base";
import type { Invocation } from "./command.ts";
import { globalOptions } from "./command.ts";
import { commandTable } from "./command-table.ts";
import type { CliContext } from "./context.ts";
import { interrupted, unknownCommand } from "./errors.ts";
import { exitStatus } from "./exit-status.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import { createOutput } from "./output/output.ts";
import { parseOptions } from "./parse-options.ts";
import { version } from "./version.ts";

/**
 * Runs one command line to its exit status. Nothing below this function ends the process or prints past
 * `context`; whatever is thrown is shown once, here.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [name, ...rest] = argv;
  if (name === "--version" || name === "-V") {
    context.stdout.write(`${version}\n`);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    context.stdout.write(overviewHelp());
    return 0;
  }
  return await (name === "help" ? runCommand(rest[0] ?? "", ["--help"], context) : runCommand(name, rest, context));
}

async function runCommand(name: string, argv: readonly string[], context: CliContext): Promise<number> {
  const output = createOutput(context, flagsBeforeParsing(argv));
  try {
    const entry = commandTable.find((candidate) => candidate.name === name);
    if (entry === undefined)
      throw unknownCommand(
        name,
        nearest(
          name,
          commandTable.map((candidate) => candidate.name),
        ),
      );
    const command = await entry.load();
    if (wantsHelp(argv)) {
      output.raw(commandHelp(command));
      return 0;
    }
    const parsed = parseOptions(argv, { ...globalOptions, ...command.options }, command.arguments);
    const invocation: Invocation = {
      options: parsed.options as Invocation["options"],
      args: parsed.args,
      context,
      output,
    };
    const status = await command.run(invocation);
    output.progress.stop();
    return status;
  } catch (error) {
    const shown = context.signal.aborted && !isCpmError(error) ? interrupted() : error;
    output.error(shown);
    return exitStatus(isCpmError(shown) ? shown.kind : "internal");
  }
}

/** `--json` and `--quiet` decide how a usage error is shown, so they are read before the line is known to be right. */
function flagsBeforeParsing(argv: readonly string[]): { json: boolean; quiet: boolean } {
  const flags = beforeSeparator(argv);
  return { json: flags.includes("--json"), quiet: flags.includes("--quiet") || flags.includes("-q") };
}

function wantsHelp(argv: readonly string[]): boolean {
  const flags = beforeSeparator(argv);
  return flags.includes("--help") || flags.includes("-h");
}

function beforeSeparator(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end === -1 ? argv : argv.slice(0, end);
}
