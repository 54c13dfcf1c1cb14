#!/usr/bin/env bun
import { runCommand } from "./commands/run.ts";

const status = await runCommand(process.argv.slice(2), {
  print: (text) => void process.stdout.write(text),
  tell: (text) => void process.stderr.write(text),
  environment: process.env,
});
// A registry that owes an answer must not keep a process alive that has stopped.
process.exit(status);
