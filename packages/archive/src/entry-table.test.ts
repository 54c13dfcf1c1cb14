import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import fc from "fast-check";
import { checkLinks, checkLinkTarget, checkPath, EntryTable } from "./entry-table.ts";
import { FoldedPaths } from "./folded-paths.ts";
import { SortedPaths } from "./sorted-paths.ts";
import type { TarEntry } from "./tar-entry.ts";
import { compareTarPaths, defaultArchiveLimits } from "./tar-entry.ts";

/** Names of which many fold to another, begin another, or lie between a directory and what is in it. */
const name = fc.constantFrom(
  ..."a b A aB ab a-b a.b a-b.c ß ss ſs K k é É ﬁ fi 日本 𝒳y X a b ab a-b".split(" "),
  "long".repeat(40),
  `${"long".repeat(40)}er`,
);
const anyName = fc.oneof({ weight: 200, arbitrary: name }, fc.constantFrom("con", ".."));
const path = fc.array(anyName, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const target = fc.oneof(
  path,
  fc.tuple(fc.constantFrom("..", "../..", "../a"), path).map((steps) => steps.join("/")),
);
const leaf = fc.record({
  path,
  type: fc.constantFrom<TarEntry["type"]>("file", "file", "directory", "symlink"),
  executable: fc.constant(false),
  sizeBytes: fc.constant(0),
  linkTarget: target,
});

const mostly = fc.nat(5).map((chance) => chance > 0);

/** Archives of which about half are right: most have their directories and their order, some have lost it. */
const archive = fc
  .record({
    leaves: fc.array(leaf, { maxLength: 60 }),
    parents: mostly,
    onceFolded: mostly,
    late: fc.option(fc.record({ index: fc.nat(80), again: fc.boolean() })),
    linked: fc.boolean(),
  })
  .map(({ leaves, parents, onceFolded, late, linked }) => {
    const byPath = new Map<string, TarEntry>();
    const keys = new Set<string>();
    const put = (entry: TarEntry): void => {
      const key = foldedPath(entry.path);
      if (byPath.has(entry.path) || (onceFolded && keys.has(key))) return;
      keys.add(key);
      byPath.set(entry.path, entry);
    };
    for (const found of leaves) {
      const steps = found.path.split("/").slice(0, -1);
      const folders = steps.map((_, index) => steps.slice(0, index + 1).join("/"));
      if (parents) for (const folder of folders) put({ ...found, path: folder, type: "directory" });
      put(linked || found.type !== "symlink" ? found : { ...found, type: "file" });
    }
    const entries = [...byPath.values()].sort((left, right) => compareTarPaths(left.path, right.path));
    if (late === null || entries.length === 0) return entries;
    const at = late.index % entries.length;
    return [...entries, ...(late.again ? entries.slice(at, at + 1) : entries.splice(at, 1))];
  });

test("an archive is judged as by a table of sets that keeps every path, whatever the seed of the hash", () => {
  fc.assert(
    fc.property(archive, fc.integer(), (entries, seed) => {
      const expected = faultOf(() => judgeBySets(entries));
      const found = faultOf(() => {
        const table = new EntryTable(defaultArchiveLimits, seed);
        for (const entry of entries) table.add(entry);
        table.finish();
        expect(table.size).toBe(entries.length);
      });
      expect(found).toBe(expected);
    }),
    { numRuns: 3000 },
  );
});

test("a file is no directory for a symlink to lead through", () => {
  const entries = [
    { path: "a", type: "file", executable: false, sizeBytes: 0 },
    { path: "b", type: "symlink", executable: false, sizeBytes: 0, linkTarget: "a/c" },
  ] as const;
  const table = new EntryTable(defaultArchiveLimits, 0);
  for (const entry of entries) table.add(entry);
  expect(() => table.finish()).toThrow("through something that is no directory");
});

test("paths are found again by their place and by their text, over many blocks", () => {
  const paths = Array.from(
    { length: 3000 },
    (_, index) => `folder-${index >> 6}/${index % 7 === 0 ? "é𝒳" : ""}${index}`,
  );
  paths.push("x".repeat(4096), "x".repeat(4000));
  paths.sort(compareTarPaths);
  const sorted = new SortedPaths();
  const places = paths.map((text, index) => sorted.append(text, index % 3 === 0 ? "directory" : "other"));
  expect(sorted.size).toBe(paths.length);
  paths.forEach((text, index) => {
    expect(sorted.at(places[index] ?? 0)).toBe(text);
    expect(sorted.find(text)).toBe(index % 3 === 0 ? "directory" : "other");
    expect(sorted.find(`${text}!`)).toBeUndefined();
  });
  expect([sorted.find(""), sorted.find("y")]).toEqual([undefined, undefined]);
});

test("places that share a hash are told apart by whoever asks", () => {
  const table = new FoldedPaths(7);
  for (let place = 0; place < 2000; place++) table.add(place % 50, place);
  for (let place = 0; place < 2000; place++) {
    expect(table.has(place % 50, (candidate) => candidate === place)).toBeTrue();
    expect(table.has((place + 1) % 50, (candidate) => candidate === place)).toBeFalse();
  }
});

test("keys that differ have hashes that differ, but for a few, under any seed", () => {
  for (const seed of [0, 1, -1, 0x7fffffff]) {
    const table = new FoldedPaths(seed);
    const hashes = new Set(Array.from({ length: 50_000 }, (_, index) => table.hashOf(`folder/file-${index}.txt`)));
    expect(hashes.size).toBeGreaterThan(49_900);
  }
});

function judgeBySets(entries: readonly TarEntry[]): void {
  const seen = new Map<string, TarEntry>();
  const folded = new Set<string>();
  const isDirectory = (text: string) => seen.get(text)?.type === "directory";
  let last: string | undefined;
  for (const entry of entries) {
    checkPath(entry.path, defaultArchiveLimits);
    if (last !== undefined && compareTarPaths(last, entry.path) >= 0)
      throw new Error(seen.has(entry.path) ? "archive/duplicate" : "archive/order");
    const slash = entry.path.lastIndexOf("/");
    if (slash !== -1 && !isDirectory(entry.path.slice(0, slash))) throw new Error("archive/parent");
    if (folded.has(foldedPath(entry.path))) throw new Error("archive/collision");
    if (entry.type === "symlink") checkLinkTarget(entry.linkTarget ?? "", entry.path, defaultArchiveLimits);
    seen.set(entry.path, entry);
    folded.add(foldedPath(entry.path));
    last = entry.path;
  }
  const links = new Map<string, string>();
  for (const entry of entries) if (entry.type === "symlink") links.set(entry.path, entry.linkTarget ?? "");
  checkLinks({ links, isDirectory, holds: (text) => seen.has(text) });
}

function foldedPath(text: string): string {
  return text.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase();
}

/** The code of what is thrown, and of a symlink also the reason; or undefined. */
function faultOf(judge: () => void): string | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    if (isCpmError(error)) return error.code.startsWith("archive/link") ? error.message : error.code;
    if (error instanceof Error && error.message.startsWith("archive/")) return error.message;
    throw error;
  }
}
