import { exitStatus, toErrorRecord } from "@cpm/base";
import { isUsageError } from "./usage-error.ts";

export interface FailureOptions {
  /** The name of the program, whose help is advised for wrong usage. */
  readonly program: string;
  /** As one line of JSON. Wrong usage is told to people in any case. */
  readonly json: boolean;
  readonly tell: (text: string) => void;
}

/** Says why a command failed and answers its exit status: 2 for wrong usage, else what the kind stands for, as with `cpm`. */
export function tellFailure(error: unknown, { program, json, tell }: FailureOptions): number {
  if (isUsageError(error)) {
    tell(`error: ${error.message} [cli/usage]\n  hint: ${program} --help\n`);
    return 2;
  }
  const record = toErrorRecord(error);
  const { code, message, hint, kind } = record;
  if (json) tell(`${JSON.stringify({ error: record })}\n`);
  else tell(`error: ${message} [${code}]${hint === undefined ? "" : `\n  hint: ${hint}`}\n`);
  return exitStatus(kind);
}
