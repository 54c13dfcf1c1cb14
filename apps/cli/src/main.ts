#!/usr/bin/env bun
import { runCli } from "./cli.ts";
import { superviseWord } from "./dev/own-command.ts";
import { processContext } from "./process-context.ts";

const args = process.argv.slice(2);
if (args[0] === superviseWord) {
  const { supervise } = await import("@cpm/dev-colony/real-colony");
  await supervise(JSON.parse(args[1] ?? "{}"));
} else {
  // Ended here and not by running dry: an idle connection or a question nobody answers would keep the process.
  process.exit(await runCli(args, processContext()));
}
