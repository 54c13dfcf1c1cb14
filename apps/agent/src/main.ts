#!/usr/bin/env bun
import { ownProgram } from "./programs.ts";

const parameters = process.argv.slice(2);
// A registry that owes an answer must not keep a process alive that has stopped.
process.exit(await run(parameters));

async function run([name = "", ...rest]: readonly string[]): Promise<number> {
  const program = ownProgram(name);
  if (program !== undefined) return program(rest);
  const { runCommand } = await import("./commands/run.ts");
  return runCommand(parameters, {
    print: (text) => void process.stdout.write(text),
    tell: (text) => void process.stderr.write(text),
    environment: process.env,
  });
}
