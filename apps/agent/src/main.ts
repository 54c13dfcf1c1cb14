#!/usr/bin/env bun
import { ownProgram } from "./programs.ts";

const [name = "", ...parameters] = process.argv.slice(2);
const program = ownProgram(name);
if (program !== undefined) process.exitCode = await program(parameters);
else {
  const { runCommand } = await import("./commands/run.ts");
  process.exitCode = await runCommand(process.argv.slice(2), {
    print: (text) => void process.stdout.write(text),
    tell: (text) => void process.stderr.write(text),
    environment: process.env,
  });
}
