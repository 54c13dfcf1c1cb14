#!/usr/bin/env bun
import { runCli } from "./cli.ts";
import { processContext } from "./process-context.ts";

// Ended here and not by running dry: an idle connection or a question nobody answers would keep the process.
process.exit(await runCli(process.argv.slice(2), processContext()));
