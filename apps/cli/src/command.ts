import type { CliContext } from "./context.ts";
import type { Output } from "./output/output.ts";

/** One flag of a command. The name in the table is the long form without dashes. */
export interface OptionSpec {
  readonly type: "string" | "strings" | "boolean" | "integer" | "duration";
  readonly short?: string;
  /** What stands for the value in help: `--name NAME`. */
  readonly value?: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly optional?: boolean;
  readonly repeated?: boolean;
  /** What completion offers: files, or nothing. */
  readonly complete?: "files";
}

interface OptionValues {
  readonly string: string;
  readonly strings: readonly string[];
  readonly boolean: boolean;
  readonly integer: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** The values of a command's flags: what was not given is undefined, a repeatable flag is then empty. */
export type ParsedOptions<T extends OptionTable> = {
  readonly [K in keyof T]: T[K]["type"] extends "strings" ? readonly string[] : OptionValues[T[K]["type"]] | undefined;
};

export interface CommandExample {
  readonly line: string;
  readonly description: string;
}

/**
 * A command is two functions: argv → options (by the table, in one place for all commands) and options → effect
 * (`run`). A command's file names its flags and imports nothing heavy: `run` loads what it needs.
 */
export interface Command<T extends OptionTable = OptionTable> {
  readonly name: string;
  readonly summary: string;
  /** A paragraph for the reference, where the summary is not enough. */
  readonly description?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: T;
  readonly examples: readonly CommandExample[];
  run(invocation: Invocation<T>): Promise<number>;
}

export interface Invocation<T extends OptionTable = OptionTable> {
  readonly options: ParsedOptions<T>;
  readonly args: readonly string[];
  readonly context: CliContext;
  readonly output: Output;
}

/** Keeps a command's option types while it is stored among others. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command {
  return command;
}

/** Flags that every command takes. */
export const globalOptions = {
  json: { type: "boolean", description: "Print data and errors as JSON." },
  quiet: { type: "boolean", short: "q", description: "Print no progress and no notes." },
  help: { type: "boolean", short: "h", description: "Show how the command is used." },
} as const satisfies OptionTable;

/** Flags of the commands that talk to a colony. */
export const colonyOptions = {
  colony: { type: "string", value: "NAME", description: "The colony (COLONIES_COLONY_NAME)." },
  server: { type: "string", value: "URL", description: "The ColonyOS server (COLONIES_SERVER_HOST, _PORT)." },
} as const satisfies OptionTable;

/** Flags of the commands that compare a colony with what packages require. */
export const colonyosOptions = {
  "colonyos-version": {
    type: "string",
    value: "VERSION",
    description: "The version of ColonyOS, where the server does not tell it (CPM_COLONYOS_VERSION).",
  },
} as const satisfies OptionTable;

/** Flags of the commands that talk to a registry. */
export const registryOptions = {
  registry: { type: "string", value: "HOST", description: "The registry (CPM_REGISTRY)." },
} as const satisfies OptionTable;
