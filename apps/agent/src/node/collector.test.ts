import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatTreeEntry } from "@cpm/archive";
import type { Digest } from "@cpm/base";
import { createDigest, digestHex } from "@cpm/base";
import { openNodeStore, SharedFiles } from "@cpm/store";
import type { NodeStore } from "@cpm/store";
import { systemSteadyClock, tryShareLock } from "@cpm/system";
import type { CollectParts, CollectResult } from "./collect-trees.ts";
import { Collector } from "./collector.ts";
import { EventLog } from "./event-log.ts";
import { InstalledPackages } from "./installed-packages.ts";
import { LeaseBook } from "./lease-book.ts";
import type { DiskUse } from "./disk-use.ts";

const hourMs = 3_600_000;
const nowMs = 1_800_000_000_000;
const now = () => nowMs;
const me = { uid: 0, administrator: true };

let root: string;
let node: NodeStore;
let packages: InstalledPackages;
let leases: LeaseBook;
let events: EventLog;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cpm-collector-"));
  node = openNodeStore(root);
  leases = new LeaseBook(root, { now, steady: systemSteadyClock() });
  packages = new InstalledPackages(node, leases, now);
  events = new EventLog(now);
});
afterEach(() => rmSync(root, { recursive: true }));

const treeOf = (letter: string): Digest => createDigest("sha256", letter.repeat(64));
const lockOf = (letter: string): string => join(root, "locks", digestHex(treeOf(letter)));

/** A version 1.0.0 of a tree with one file of 1000 bytes, last used so long ago. */
function install(letter: string, unusedMs: number, pinned = false): void {
  const tree = treeOf(letter);
  const folder = dirname(node.treePath(tree));
  mkdirSync(node.treePath(tree), { recursive: true });
  const file = { path: "file", type: "file", executable: false, sizeBytes: 1000, digest: treeOf("0") } as const;
  writeFileSync(join(folder, "tree.json"), `[${formatTreeEntry(file)}]`);
  mkdirSync(join(root, "locks"), { recursive: true });
  writeFileSync(lockOf(letter), "", { mode: 0o444 });
  const name = `rise/${letter}`;
  const installedAtMs = nowMs - 1000 * hourMs;
  packages.records.write(name, "1.0.0", { manifest: tree, tree, sizeBytes: 1000, installedAtMs, pinned, holders: [] });
  node.setRef(name, "1.0.0", tree);
  for (const path of [folder, lockOf(letter)]) utimesSync(path, nowMs / 1000, (nowMs - unusedMs) / 1000);
}

function keepBlob(letter: string, ageMs: number): void {
  const path = node.blobs.pathOf(treeOf(letter));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "x".repeat(1000));
  utimesSync(path, nowMs / 1000, (nowMs - ageMs) / 1000);
}

interface Site {
  readonly keepUnusedMs?: number;
  readonly isPlacing?: () => boolean;
  readonly disk?: DiskUse;
}

function open({ keepUnusedMs, isPlacing = () => false, disk = { usedBytes: 0, availableBytes: 1 } }: Site = {}) {
  const pressures: [number, CollectResult][] = [];
  const collected: CollectResult[] = [];
  const collection: CollectParts = {
    node,
    sharedFiles: new SharedFiles(root),
    packages,
    leases,
    events,
    isWanted: () => false,
    isPlacing,
    keepUnusedMs,
    now,
  };
  const collector = new Collector({
    collection,
    waterMarks: { high: 0.9, low: 0.8 },
    diskUse: () => disk,
    onCollected: (result) => void collected.push(result),
    onPressure: (wantedBytes, result) => void pressures.push([wantedBytes, result]),
    onFailure: (error) => {
      throw error;
    },
  });
  return { collector, pressures, collected };
}

const here = (): string =>
  packages
    .list()
    .map(({ name }) => name.slice(5))
    .join("");
const blobsHere = (): number => readdirSync(join(root, "blobs/sha256")).length;

test("what is not used for longer than the age goes, with its refs, its record and its event", async () => {
  install("a", 10 * hourMs);
  install("b", 2 * hourMs);
  keepBlob("c", 10 * hourMs);
  keepBlob("d", hourMs);
  const { collector } = open({ keepUnusedMs: 5 * hourMs });
  expect(await collector.collect({ dryRun: true })).toMatchObject({ removedTrees: 1, removedBlobs: 1 });
  expect([here(), blobsHere()]).toEqual(["ab", 2]);
  await collector.tend();
  expect([here(), blobsHere()]).toEqual(["b", 1]);
  expect(existsSync(dirname(node.treePath(treeOf("a"))))).toBe(false);
  expect(packages.records.read("rise/a", "1.0.0")).toBeUndefined();
});

test("a disk over the high mark is emptied below the low one: blobs first, then what was used the longest ago", async () => {
  for (const [index, letter] of ["a", "b", "c", "d"].entries()) install(letter, (10 - index) * hourMs);
  keepBlob("e", hourMs);
  // 3000 bytes too many.
  const { collector, pressures } = open({ disk: { usedBytes: 19_000, availableBytes: 1000 } });
  await collector.tend();
  expect([here(), blobsHere(), pressures]).toEqual(["cd", 0, []]);
});

test("what is pinned, leased or locked stays, whatever is needed, and it is told that it was not enough", async () => {
  for (const letter of ["a", "b", "c", "d"]) install(letter, 10 * hourMs, letter === "a");
  leases.acquire({ id: "", durationMs: hourMs, purpose: "test" }, [treeOf("b")], me);
  const lock = tryShareLock(lockOf("c"));
  const { collector, pressures, collected } = open({ disk: { usedBytes: 100_000, availableBytes: 0 } });
  await collector.tend();
  expect(here()).toBe("abc");
  expect(pressures).toMatchObject([[20_000, { freedBytes: 1000, keptPinned: 1, keptLeased: 1, keptLocked: 1 }]]);
  expect(collected).toHaveLength(2);
  lock?.release();
});

test.each<[string, (listing: string) => void]>([
  ["gone", (listing) => rmSync(listing)],
  ["another's", (listing) => writeFileSync(listing, '[{"nothing":1}]')],
])("a tree whose listing is %s is removed as well, and nobody guesses what that freed", async (_, damage) => {
  install("a", 10 * hourMs);
  install("b", 10 * hourMs);
  damage(join(dirname(node.treePath(treeOf("a"))), "tree.json"));
  const { collector } = open({ keepUnusedMs: 5 * hourMs });
  expect(await collector.collect({ dryRun: false })).toMatchObject({ removedTrees: 2, freedBytes: 1000 });
  expect(readdirSync(join(root, "trees/sha256"))).toEqual([]);
});

test("what somebody has locked counts as used, though nobody asked for it", async () => {
  install("a", 10 * hourMs);
  install("b", 9 * hourMs);
  const lock = tryShareLock(lockOf("a"));
  await open().collector.tend();
  lock?.release();
  await open({ disk: { usedBytes: 9_100, availableBytes: 900 } }).collector.collect({ freeBytes: 1, dryRun: false });
  expect(here()).toBe("a");
});

test("blobs stay while packages are put here, which may need them", async () => {
  keepBlob("a", 10 * hourMs);
  const { collector } = open({ isPlacing: () => true });
  expect(await collector.collect({ freeBytes: 1, dryRun: false })).toMatchObject({ removedBlobs: 0 });
  expect(blobsHere()).toBe(1);
});

test("a collection begins when the one before has ended, and does what it was asked for", async () => {
  install("a", 10 * hourMs);
  const { collector } = open();
  const [dry, real] = await Promise.all([
    collector.collect({ freeBytes: 1, dryRun: true }),
    collector.collect({ freeBytes: 1, dryRun: false }),
  ]);
  expect([dry.removedTrees, real.removedTrees, here()]).toEqual([1, 1, ""]);
});

test("what was pinned, or got another version, since the collection began is judged as it is by then", async () => {
  for (const [index, letter] of ["a", "b", "c"].entries()) install(letter, (10 - index) * hourMs);
  events.listen(({ event }) => {
    if (event.kind !== "removed" || event.name !== "rise/a") return;
    const record = packages.records.read("rise/b", "1.0.0");
    if (record !== undefined) packages.records.write("rise/b", "1.0.0", { ...record, pinned: true });
    node.setRef("rise/c", "2.0.0", treeOf("c"));
  });
  const result = await open().collector.collect({ freeBytes: 1_000_000, dryRun: false });
  expect([result.removedTrees, result.keptPinned, here()]).toEqual([2, 1, "b"]);
  expect(readdirSync(join(root, "refs/rise/c"))).toEqual([]);
});

test("a collector that starts tends at once, and one that was stopped removes nothing more", async () => {
  install("a", 10 * hourMs);
  install("b", 9 * hourMs);
  const { collector, collected } = open({ disk: { usedBytes: 100_000, availableBytes: 0 } });
  let removed = 0;
  const stopped = Promise.withResolvers<void>();
  events.listen(({ event }) => {
    if (event.kind === "removed" && ++removed === 1) stopped.resolve(collector.stop());
  });
  collector.start(hourMs);
  await stopped.promise;
  expect([here(), collected.length]).toEqual(["b", 2]);
  expect(await collector.collect({ freeBytes: 1_000_000, dryRun: false })).toMatchObject({ removedTrees: 0 });
});
