import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Comparison } from "./comparisons.ts";
import { compile } from "./executables.ts";
import { startRegistry } from "./registry-process.ts";
import type { Scratch } from "./scratch.ts";
import { execute } from "./scratch.ts";

/**
 * What a command costs that has nothing to do: versions that are known and a lockfile that is current. The registry is
 * gone when they are measured, so none of them can have asked it.
 */
export async function nothingToDoComparisons(scratch: Scratch): Promise<Comparison[]> {
  const [cpm, empty] = [compile(scratch, "cpm"), compile(scratch, "empty")];
  const root = scratch.path("nothing-to-do");
  const project = join(root, "app");
  writePackage(join(root, "tools"), "bench/tools", "");
  writePackage(project, "bench/app", 'dependencies: {bench/tools: "^1"}\n');
  const folders = ["config", "data", "state", "cache"].map((name) => `XDG_${name.toUpperCase()}_HOME=${root}/${name}`);
  const registry = await startRegistry(root);
  const run = ["env", ...folders, `HOME=${root}`, `CPM_REGISTRY=http://${registry.host}`, cpm];
  try {
    execute(...run, "publish", join(root, "tools"), "--quiet");
    execute(...run, "lock", project, "--quiet");
    execute(...run, "resolve", "bench/tools", "--quiet");
  } finally {
    await registry.stop();
  }
  const commands: readonly (readonly string[])[] = [
    ["resolve", "bench/tools", "--offline"],
    ["lock", project, "--locked"],
    ["lock", project, "--offline"],
  ];
  return commands.map((args) => ({
    ours: {
      name: `cpm ${args.filter((arg) => arg !== project).join(" ")}`,
      command: () => [...run, ...args],
    },
    peers: [{ name: "an empty compiled executable", command: () => ["env", ...folders, empty] }],
    ground: scratch.ground(0, "large"),
    repeat: 4,
  }));
}

function writePackage(directory: string, name: string, more: string): void {
  mkdirSync(join(directory, "templates"), { recursive: true });
  const manifest = `apiVersion: cpm/v1\nname: ${name}\nversion: 1.0.0\ndescription: Measured.\nlicense: Apache-2.0\n`;
  writeFileSync(join(directory, "colony.yaml"), manifest + more);
}
