#!/usr/bin/env bun
import { writeSync } from "node:fs";
import { superviseWord } from "./dev/own-command.ts";
import { version } from "./version.ts";

const args = process.argv.slice(2);
const [first] = args;
if ((first === "--version" || first === "-V") && args.length === 1) {
  // Scripts ask for it all the time: nothing else is loaded.
  writeSync(1, `${version}\n`);
} else if (first === superviseWord) {
  const { supervise } = await import("@cpm/dev-colony/real-colony");
  await supervise(JSON.parse(args[1] ?? "{}"));
} else {
  const { runCli } = await import("./cli.ts");
  const { processContext } = await import("./process-context.ts");
  // Ended here and not by running dry: an idle connection or a question nobody answers would keep the process.
  process.exit(await runCli(args, processContext()));
}
