import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "./step.ts";
import { runSteps } from "./step.ts";

/**
 * Type-checks the whole workspace, tests included, and then each package by itself: alone a pure package
 * sees no Node, Bun or DOM names.
 */
export function typeSteps(root: string): readonly Step[] {
  const tsc = join(root, "node_modules/.bin/tsc");
  const packages = readdirSync(join(root, "packages"))
    .toSorted()
    .filter((name) => existsSync(join(root, "packages", name, "tsconfig.json")));
  return [
    { name: "types", command: [tsc, "-p", root] },
    ...packages.map((name) => ({ name: `types of ${name}`, command: [tsc, "-p", join(root, "packages", name)] })),
  ];
}

if (import.meta.main) {
  const results = await runSteps(typeSteps(join(import.meta.dir, "../..")));
  process.exitCode = results.some((result) => result.exitCode !== 0) ? 1 : 0;
}
