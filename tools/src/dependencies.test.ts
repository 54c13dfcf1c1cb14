import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const record = readFileSync(join(root, "docs/decisions/007-dependencies.md"), "utf8");
/** Names in the first cells of the tables; `x-*` stands for every name that begins so. */
const recorded = [...record.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
);

interface Declared {
  readonly manifest: string;
  readonly name: string;
  readonly version: string;
}

function thirdPartyDependencies(): readonly Declared[] {
  const manifests = [
    "package.json",
    "packages/*/package.json",
    "apps/*/package.json",
    "{tools,tests,bench}/package.json",
  ];
  return manifests
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })])
    .flatMap((manifest) => {
      const { dependencies, devDependencies, optionalDependencies, peerDependencies } = JSON.parse(
        readFileSync(join(root, manifest), "utf8"),
      );
      const all = { ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies };
      return Object.entries<string>(all).map(([name, version]) => ({ manifest, name, version }));
    })
    .filter(({ version }) => version !== "workspace:*");
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

test("every third-party dependency has its line in decision 007, and every line its dependency", () => {
  const declared = thirdPartyDependencies();
  expect(declared.length).toBeGreaterThan(10);
  const unrecorded = declared.filter(({ name }) => !recorded.some((pattern) => fits(pattern, name)));
  expect(unrecorded).toEqual([]);
  const idle = recorded.filter((pattern) => !declared.some(({ name }) => fits(pattern, name)));
  expect(idle).toEqual([]);
});

test("a version is exact, so that two machines install the same", () => {
  expect(thirdPartyDependencies().filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});
