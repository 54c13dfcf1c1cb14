import { expect, test } from "bun:test";
import { join } from "node:path";
import { ladderFaults, readWorkspace } from "./ladder.ts";
import type { WorkspacePackage } from "./ladder.ts";

const root = join(import.meta.dir, "../..");

test("the workspace keeps to the ladder", () => {
  const { packages, sources } = readWorkspace(root);
  expect(packages.length).toBeGreaterThan(10);
  expect(sources.length).toBeGreaterThan(15);
  expect(ladderFaults(packages, sources)).toEqual([]);
});

const base: WorkspacePackage = {
  name: "@cpm/base",
  folder: "packages/base",
  rung: 0,
  dependencies: [],
  developmentDependencies: ["fast-check"],
  exports: ["."],
};
const store: WorkspacePackage = {
  ...base,
  name: "@cpm/store",
  folder: "packages/store",
  rung: 3,
  dependencies: ["@cpm/base"],
};
const client: WorkspacePackage = { ...store, name: "@cpm/registry-client", folder: "packages/registry-client" };

function faultsOf(path: string, text: string, packages: readonly WorkspacePackage[] = [base, store, client]): string[] {
  return ladderFaults(packages, [{ path, text }]);
}

test("an upward, a sideways and an undeclared import are faults", () => {
  const upward = { ...base, dependencies: ["@cpm/store"] };
  expect(faultsOf("packages/base/src/x.ts", 'import { a } from "@cpm/store"; a();', [upward, store]).join()).toContain(
    "may not import packages/store",
  );
  const sideways = { ...store, dependencies: ["@cpm/registry-client"] };
  expect(
    faultsOf("packages/store/src/x.ts", 'import type { A } from "@cpm/registry-client";', [
      base,
      sideways,
      client,
    ]).join(),
  ).toContain("may not import packages/registry-client");
  expect(faultsOf("packages/store/src/x.ts", 'import a from "left-pad"; a();')).toEqual([
    'packages/store/src/x.ts imports "left-pad", which packages/store/package.json does not declare',
  ]);
});

test("pure code names neither the file system nor the clock, and its tests may", () => {
  expect(
    faultsOf("packages/base/src/x.ts", 'import { readFileSync } from "node:fs"; readFileSync("x");').length,
  ).toBeGreaterThan(0);
  expect(faultsOf("packages/base/src/x.ts", "export const now = Date.now();").join()).toContain("the clock");
  expect(faultsOf("packages/base/src/x.ts", "// Date.now is the clock\nexport const x = 1;")).toEqual([]);
  expect(faultsOf("packages/base/src/x.test.ts", 'import { readFileSync } from "node:fs"; readFileSync("x");')).toEqual(
    [],
  );
});

test("a development dependency is for tests", () => {
  expect(faultsOf("packages/base/src/x.test.ts", 'import fc from "fast-check"; fc.sample(fc.nat());')).toEqual([]);
  expect(faultsOf("packages/base/src/x.ts", 'import fc from "fast-check"; fc.sample(fc.nat());')).toHaveLength(1);
});

test("an application may compile in the texts of deploy, and nobody else", () => {
  const app: WorkspacePackage = { ...store, name: "@cpm/cli", folder: "apps/cli", rung: 5 };
  const text = (levels: string, file: string) =>
    `import a from "${levels}deploy/x/${file}" with { type: "text" }; a();`;
  expect(faultsOf("apps/cli/src/x.ts", text("../../../", "a.conf"), [app])).toEqual([]);
  expect(faultsOf("apps/cli/src/x.ts", text("../../../", "a.ts"), [app])).toHaveLength(1);
  expect(faultsOf("packages/store/src/x.ts", text("../../../", "a.conf"))).toHaveLength(1);
});

test("a relative import stays inside its package", () => {
  expect(faultsOf("packages/base/src/x.ts", 'export * from "../../store/src/y.ts";')).toHaveLength(1);
  expect(faultsOf("packages/base/src/deep/x.ts", 'export * from "../y.ts";')).toEqual([]);
});
