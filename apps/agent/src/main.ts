#!/usr/bin/env bun
import { runCommand } from "./commands/run.ts";

process.exitCode = await runCommand(process.argv.slice(2), {
  print: (text) => void process.stdout.write(text),
  tell: (text) => void process.stderr.write(text),
  environment: process.env,
});
