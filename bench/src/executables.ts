import { fileURLToPath } from "node:url";
import type { Scratch } from "./scratch.ts";
import { execute } from "./scratch.ts";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const entries = {
  pack: source("pack-command.ts"),
  unpack: source("unpack-command.ts"),
  pull: source("pull-command.ts"),
  empty: source("empty-command.ts"),
  cpm: source("../../apps/cli/src/main.ts"),
  "cpm-agent": source("../../apps/agent/src/main.ts"),
} as const;

/** As the programs are built for users (`tools/src/build.ts`). */
const flags = ["--splitting", "--bytecode", "--format=esm", "--minify"];

export type Executable = keyof typeof entries;

/** Compiles one of our commands to one file without a runtime, as `cpm` is shipped, and answers its path. */
export function compile(scratch: Scratch, name: Executable): string {
  const outfile = scratch.path("bin", name);
  execute(process.execPath, "build", "--compile", ...flags, entries[name], "--outfile", outfile);
  return outfile;
}
