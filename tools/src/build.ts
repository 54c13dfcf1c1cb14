import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runSteps } from "./step.ts";

/** The programs, each from its own entry into one executable that needs no runtime. */
const programs = [
  { name: "cpm", entry: "apps/cli/src/main.ts" },
  { name: "cpm-registry", entry: "apps/registry/src/main.ts" },
  { name: "cpm-agent", entry: "apps/agent/src/main.ts" },
] as const;

/** What `--all` builds for. The runtimes of other platforms come from the npm registry. */
const targets = [
  "bun-linux-x64",
  "bun-linux-arm64",
  "bun-linux-x64-musl",
  "bun-darwin-arm64",
  "bun-windows-x64",
] as const;

/** Builds into `dist/`: for this machine, or with `--all` into one folder for each target. */
const root = join(import.meta.dir, "../..");
const all = process.argv.includes("--all");
const builds = all
  ? targets.map((target) => ({ folder: join("dist", target.slice("bun-".length)), target }))
  : [{ folder: "dist", target: undefined }];
const results = await runSteps(
  builds.flatMap(({ folder, target }) =>
    programs.map(({ name, entry }) => ({
      name: `${name}${target === undefined ? "" : ` for ${target}`}`,
      cwd: root,
      command: compile(entry, join(folder, name), target),
    })),
  ),
);
process.exitCode = results.some((result) => result.exitCode !== 0) ? 1 : 0;

function compile(entry: string, outfile: string, target: string | undefined): readonly string[] {
  mkdirSync(join(root, outfile, ".."), { recursive: true });
  rmSync(join(root, outfile), { force: true });
  return [
    process.execPath,
    "build",
    "--compile",
    // Chunks are loaded when a command needs them, and are compiled beforehand: that is what start-up time is made of.
    "--splitting",
    "--bytecode",
    "--format=esm",
    "--minify",
    ...(target === undefined ? [] : [`--target=${target}`]),
    `--outfile=${outfile}`,
    entry,
  ];
}
