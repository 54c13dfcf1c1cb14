import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDigest } from "@cpm/base";
import type { PackageRecord } from "./package-records.ts";
import { PackageRecords } from "./package-records.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "cpm-records-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const digest = createDigest("sha256", "a".repeat(64));
const known: PackageRecord = {
  manifest: digest,
  tree: digest,
  sizeBytes: 1,
  installedAtMs: 2,
  pinned: false,
  holders: [],
};

describe("records of packages", () => {
  test("are what was written last, however often they were read before", () => {
    const records = new PackageRecords(root);
    expect(records.read("a/b", "1.0.0")).toBeUndefined();
    records.write("a/b", "1.0.0", known);
    expect(records.read("a/b", "1.0.0")).toEqual(known);
    records.write("a/b", "1.0.0", { ...known, pinned: true, holders: ["r"] });
    expect(records.read("a/b", "1.0.0")).toEqual({ ...known, pinned: true, holders: ["r"] });
    expect(new PackageRecords(root).read("a/b", "1.0.0")).toEqual({ ...known, pinned: true, holders: ["r"] });
    records.remove("a/b", "1.0.0");
    expect(records.read("a/b", "1.0.0")).toBeUndefined();
  });

  test("are gone with their file", () => {
    const records = new PackageRecords(root);
    records.write("a/c", "1.0.0", known);
    expect(records.read("a/c", "1.0.0")).toEqual(known);
    rmSync(join(root, "records/a/c/1.0.0.json"));
    expect(records.read("a/c", "1.0.0")).toBeUndefined();
  });

  test("of more versions than are kept in memory are all there", () => {
    const records = new PackageRecords(root);
    const versions = Array.from({ length: 1100 }, (_, patch) => `1.0.${patch}`);
    const folder = join(root, "records/a/d");
    mkdirSync(folder);
    for (const [index, version] of versions.entries())
      writeFileSync(join(folder, `${version}.json`), JSON.stringify({ ...known, sizeBytes: index }));
    for (const _ of [1, 2])
      expect(versions.map((text) => records.read("a/d", text)?.sizeBytes)).toEqual([...versions.keys()]);
  });
});
