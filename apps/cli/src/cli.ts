import { exitStatus, isCpmError, nearest } from "@cpm/base";
import type { Invocation } from "./command.ts";
import { globalOptions } from "./command.ts";
import { commandTable } from "./command-table.ts";
import type { CliContext } from "./context.ts";
import { interrupted, unknownCommand, unknownOption } from "./errors.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import type { Output } from "./output/output.ts";
import { createOutput } from "./output/output.ts";
import { parseOptions } from "./parse-options.ts";
import { version } from "./version.ts";

/**
 * Runs one command line to its exit status. Nothing below this function ends the process or prints past
 * `context`; whatever is thrown is shown once, here.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [name, ...rest] = globalFlagsLast(argv);
  if (name === "--version" || name === "-V") {
    createOutput(context, flagsBeforeParsing(rest)).data({ version }, () => version);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    context.stdout.write(overviewHelp(context.stdout.columns));
    return 0;
  }
  return await (name === "help" ? runCommand(rest[0] ?? "", ["--help"], context) : runCommand(name, rest, context));
}

/** `cpm --json list` means `cpm list --json`. */
function globalFlagsLast(argv: readonly string[]): readonly string[] {
  const first = argv.findIndex((token) => !["--json", "--quiet", "-q"].includes(token));
  return first === -1 ? [] : [...argv.slice(first), ...argv.slice(0, first)];
}

async function runCommand(name: string, argv: readonly string[], context: CliContext): Promise<number> {
  let output = createOutput(context, flagsBeforeParsing(argv));
  const stopTelling = tellInterrupt(context, () => output);
  try {
    if (name.startsWith("-")) throw unknownOption(name, undefined);
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
      output.raw(commandHelp(command, context.stdout.columns));
      return 0;
    }
    const parsed = parseOptions(argv, { ...globalOptions, ...command.options }, command.arguments);
    const { json, quiet } = parsed.options;
    output = createOutput(context, { json: json === true, quiet: quiet === true });
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
    // Whatever an interrupt made fail, the interrupt is the reason; what says so itself may say more.
    const known = isCpmError(error) && error.kind === "cancelled";
    const shown = context.signal.aborted && !known ? interrupted(error) : error;
    output.error(shown);
    return exitStatus(isCpmError(shown) ? shown.kind : "internal");
  } finally {
    stopTelling();
  }
}

const patienceMs = 500;

/** Says why a command that was interrupted has not ended yet: it undoes what it began. */
function tellInterrupt(context: CliContext, output: () => Output): () => void {
  let ended = false;
  const tell = async (): Promise<void> => {
    await context.clock.sleep(patienceMs);
    if (!ended) output().note("interrupted; finishing what must not stay half done. Interrupt again to end at once.");
  };
  const onAbort = (): void => void tell();
  context.signal.addEventListener("abort", onAbort, { once: true });
  return () => {
    ended = true;
    context.signal.removeEventListener("abort", onAbort);
  };
}

/** `--json` and `--quiet` decide how a usage error is shown, so they are read before the line is known to be right. */
function flagsBeforeParsing(argv: readonly string[]): { json: boolean; quiet: boolean } {
  const flags = beforeSeparator(argv);
  return {
    json: flags.includes("--json") || flags.includes("--json=true"),
    quiet: flags.includes("--quiet") || flags.includes("-q"),
  };
}

function wantsHelp(argv: readonly string[]): boolean {
  const flags = beforeSeparator(argv);
  return flags.includes("--help") || flags.includes("-h");
}

function beforeSeparator(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end === -1 ? argv : argv.slice(0, end);
}
