import { expect, test } from "bun:test";
import { createDigest } from "@cpm/base";
import { isPackageName, readVersion } from "@cpm/model";
import { excessBytes, planCollection } from "./plan-collection.ts";
import type { CollectableTree } from "./plan-collection.ts";

const [name, version] = ["rise/tool", readVersion("1.0.0")];
const digestOf = (letter: string) => createDigest("sha256", letter.repeat(64));

function tree(letter: string, lastUsedAtMs: number, more: Partial<CollectableTree> = {}): CollectableTree {
  if (!isPackageName(name) || version === undefined) throw new Error("they are");
  const refs = [{ name, version, tree: digestOf(letter) }];
  return { tree: digestOf(letter), refs, lastUsedAtMs, pinned: false, ...more };
}
const lettersOf = (trees: readonly CollectableTree[]) => trees.map((one) => one.tree.slice(7, 8)).join("");

const all = [tree("a", 30), tree("b", 10), tree("c", 20, { refs: [] }), tree("d", 5, { pinned: true }), tree("e", 40)];

test("without an age and without need only trees go that no version points to", () => {
  const { trees, keptPinned } = planCollection(all, { unusedSinceMs: undefined, freeBytes: undefined });
  expect([lettersOf(trees), keptPinned]).toEqual(["c", 0]);
});

test("by age those go that were not used since, and pinned ones are counted", () => {
  const { trees, keptPinned } = planCollection(all, { unusedSinceMs: 30, freeBytes: undefined });
  expect([lettersOf(trees), keptPinned]).toEqual(["cb", 1]);
});

test("in need every version may go, the one used the longest ago first", () => {
  const { trees, keptPinned } = planCollection(all, { unusedSinceMs: undefined, freeBytes: 1 });
  expect([lettersOf(trees), keptPinned]).toEqual(["cbae", 1]);
});

test.each([
  [{ usedBytes: 90, availableBytes: 10 }, 0],
  [{ usedBytes: 91, availableBytes: 9 }, 11],
  [{ usedBytes: 100, availableBytes: 0 }, 20],
  [{ usedBytes: 0, availableBytes: 100 }, 0],
])("a disk of %j has %d bytes too many between 0.9 and 0.8", (use, excess) =>
  expect(excessBytes(use, { high: 0.9, low: 0.8 })).toBe(excess),
);
