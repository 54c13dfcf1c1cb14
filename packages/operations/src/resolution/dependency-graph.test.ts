import { expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import type { LockedPackage, Lockfile } from "@cpm/model";
import { parsePackageName, parseRange, parseVersion } from "@cpm/model";
import { faultOf } from "../testing/packages.ts";
import { invertedTree, treeOf, whyChains } from "./dependency-graph.ts";

const digest = `sha256:${"a".repeat(64)}` as Digest;
const ranges = (needs: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(needs).map(([name, range]) => [name, [{ version: parseRange(range) }]]));

function locked(name: string, version: string, needs: Readonly<Record<string, string>> = {}): LockedPackage {
  return {
    registry: "r.test",
    name: parsePackageName(name),
    version: parseVersion(version),
    digest,
    variants: [{ digest, tree: digest, layers: [{ digest, sizeBytes: 1 }] }],
    dependencies: ranges(needs),
    evidence: [],
  };
}

const lock: Lockfile = {
  lockfileVersion: "1",
  requirements: ranges({ "d/left": "^1", "d/right": "~2.0" }),
  packages: [
    locked("d/left", "1.4.0", { "d/deep": "^1" }),
    locked("d/right", "2.0.3", { "d/left": "^1.2" }),
    locked("d/deep", "1.0.0", { "d/base": "*" }),
    locked("d/base", "0.1.0"),
  ],
};

test("a tree shows everything once, and says where it stands again", () => {
  const lines = treeOf(lock).map(({ depth, name, version, range, repeated }) =>
    [`${"  ".repeat(depth)}${name}@${version}`, range, ...(repeated ? ["again"] : [])].join(" "),
  );
  expect(lines).toEqual([
    "d/left@1.4.0 ^1",
    "  d/deep@1.0.0 ^1",
    "    d/base@0.1.0 *",
    "d/right@2.0.3 ~2.0",
    "  d/left@1.4.0 ^1.2 again",
  ]);
});

test("upside down it shows every way to the project", () => {
  expect(invertedTree(lock, "d/left", "me/app").map(({ depth, name, range }) => [depth, name, range])).toEqual([
    [0, "d/left", ""],
    [1, "me/app", "^1"],
    [1, "d/right", "^1.2"],
    [2, "me/app", "~2.0"],
  ]);
});

test("why gives the shortest chain for each direct dependency that leads there", () => {
  const chains = whyChains(lock, "d/base", "me/app").map((chain) => chain.map(({ from, name }) => `${from} → ${name}`));
  expect(chains).toEqual([
    ["me/app → d/left", "d/left → d/deep", "d/deep → d/base"],
    ["me/app → d/right", "d/right → d/left", "d/left → d/deep", "d/deep → d/base"],
  ]);
});

test("what is not locked is told", async () => {
  expect((await faultOf(() => whyChains(lock, "d/none", "me/app"))).code).toBe("lock/not-locked");
  expect((await faultOf(() => invertedTree(lock, "d/none", "me/app"))).code).toBe("lock/not-locked");
});
