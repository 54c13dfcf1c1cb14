#!/usr/bin/env bun
import { runProgram } from "./programs.ts";

process.exitCode = await runProgram(process.argv.slice(2));
