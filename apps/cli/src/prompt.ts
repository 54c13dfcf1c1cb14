import type { CliContext } from "./context.ts";
import { interrupted, needsTerminal } from "./errors.ts";

/** Asks one question on a terminal; where there is none, says which flag takes its place. */
export async function ask(context: CliContext, question: string, flag: string, fallback?: string): Promise<string> {
  if (!context.stdin.isTerminal || !context.stderr.isTerminal) {
    if (fallback !== undefined) return fallback;
    throw needsTerminal(question, flag);
  }
  context.stderr.write(`${question}${fallback === undefined ? "" : ` (${fallback})`}: `);
  const line = await readAnswer(context);
  return line.trim() === "" ? (fallback ?? "") : line.trim();
}

/** Asks until the answer is one of the choices, by its number or its name. */
export async function choose(
  context: CliContext,
  question: string,
  flag: string,
  choices: readonly string[],
): Promise<string> {
  if (!context.stdin.isTerminal || !context.stderr.isTerminal) throw needsTerminal(question, flag);
  context.stderr.write(`${question}\n${choices.map((choice, index) => `  ${index + 1}) ${choice}`).join("\n")}\n`);
  for (;;) {
    const answer = await ask(context, "Choose", flag, choices[0]);
    const chosen = choices[Number(answer) - 1] ?? choices.find((choice) => choice === answer);
    if (chosen !== undefined) return chosen;
    context.stderr.write(`  "${answer}" is none of these.\n`);
  }
}

/** Asks for a yes; anything else is a no. Without a terminal the flag must have been given. */
export async function confirm(context: CliContext, question: string, flag: string): Promise<boolean> {
  const answer = await ask(context, `${question} [y/N]`, flag);
  return /^y(es)?$/i.test(answer);
}

/** Asks for something that is not shown while it is typed. */
export async function askHidden(context: CliContext, question: string, flag: string): Promise<string> {
  if (!context.stdin.isTerminal || !context.stderr.isTerminal) throw needsTerminal(question, flag);
  context.stderr.write(`${question}: `);
  context.stdin.setEcho(false);
  try {
    const line = await readAnswer(context);
    context.stderr.write("\n");
    return line;
  } finally {
    context.stdin.setEcho(true);
  }
}

/** What comes after a question that got no answer begins on a line of its own. */
async function readAnswer({ stdin, stderr }: CliContext): Promise<string> {
  let line: string | undefined;
  try {
    line = await stdin.readLine();
  } finally {
    if (line === undefined) stderr.write("\n");
  }
  if (line === undefined) throw interrupted();
  return line;
}
