import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8, sourceOf } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { BlobDirectory, digestOf } from "@cpm/store";
import { DirectoryObjects } from "../objects/directory-objects.ts";
import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { CachedObjects } from "./cached-objects.ts";
import { chooseLeaving, evictMirrored } from "./eviction.ts";
import { MirrorMetrics } from "./mirror-metrics.ts";
import { MirrorRecords } from "./mirror-records.ts";
import type { CacheEntry } from "./mirror-records.ts";
import { MirrorUses } from "./mirror-uses.ts";

const source = "https://registry.example.org/acme/web";
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const opened: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const dispose of opened) await dispose();
});

let now: number;
let folder: string;
let records: MirrorRecords;
let uses: MirrorUses;
let objects: DirectoryObjects;
let cached: CachedObjects;
let evict: () => Promise<void>;

beforeEach(async () => {
  now = 1_767_000_000_000;
  const own = mkdtempSync(join(tmpdir(), "cpm-eviction-"));
  folder = own;
  const { database, dispose } = await sqliteUnderTest.open();
  opened.push(dispose, () => rmSync(own, { recursive: true, force: true }));
  records = new MirrorRecords(database);
  uses = new MirrorUses(records, () => now);
  objects = new DirectoryObjects(new BlobDirectory(folder));
  cached = new CachedObjects(records, objects, () => now);
  const metrics = new MirrorMetrics(records);
  const job = evictMirrored({ records, cached, uses, metrics, maxBytes: 25, maxAgeMs: 2 * dayMs, now: () => now });
  evict = async () => {
    while ((await job.step(new AbortController().signal)) === "more");
  };
});

const files = (): readonly string[] => {
  const blobs = join(folder, "blobs", "sha256");
  return existsSync(blobs) ? readdirSync(blobs).map((hex) => `sha256:${hex}`) : [];
};

async function keep(text: string): Promise<Digest> {
  const bytes = encodeUtf8(text);
  const content = { mediaType: "a/b", digest: digestOf(bytes), sizeBytes: bytes.length };
  await cached.keep(source, content, sourceOf(bytes));
  return content.digest;
}

describe("the eviction", () => {
  test("lets those leave that were not used for the longest time, and removes their bytes a while later", async () => {
    const digests: Digest[] = [];
    for (const text of ["first-----", "second----", "third-----"]) {
      digests.push(await keep(text));
      now += minuteMs;
    }
    const [first, second, third] = digests as [Digest, Digest, Digest];
    await uses.blob(first);
    now += minuteMs;
    await evict();
    expect(await records.blob(source, second)).toBeUndefined();
    expect(files().toSorted()).toEqual(digests.toSorted());
    now += 15 * minuteMs;
    await evict();
    expect(files().toSorted()).toEqual([first, third].toSorted());
  });

  test("lets leave what nobody asked for within the time, however little there is", async () => {
    const digest = await keep("old");
    now += dayMs;
    await evict();
    expect(await records.blob(source, digest)).toBeDefined();
    now += dayMs + 1;
    await evict();
    expect(await records.blob(source, digest)).toBeUndefined();
  });

  test("does not remove what arrived again since it left", async () => {
    const digest = await keep("comes back");
    now += 3 * dayMs;
    await evict();
    expect(await records.blob(source, digest)).toBeUndefined();
    now += minuteMs;
    await keep("comes back");
    now += 15 * minuteMs;
    await evict();
    expect(await records.blob(source, digest)).toBeDefined();
    expect(files()).toEqual([digest]);
  });

  test("removes what a process that ended left of an arrival, named already or not", async () => {
    const digest = digestOf(encodeUtf8("left"));
    for (const [index, seals] of [false, true].entries()) {
      const id = `00000000-0000-0000-0000-00000000000${index}`;
      await records.beginArrival({ id, digest, state: {} }, now);
      const staging = await objects.openStaging(id);
      await staging.write(encodeUtf8("left"));
      await staging.flush(true);
      await staging.mark(digest);
      if (seals) await staging.seal();
      await staging.close();
    }
    expect(files()).toEqual([digest]);
    now += dayMs + 1;
    await evict();
    expect(files()).toEqual([]);
    expect(readdirSync(join(folder, "uploads"))).toEqual([]);
    expect(await records.lostArrivals(now, 10)).toEqual([]);
  });

  test("of something that fails to arrive nothing is left", async () => {
    const content = { mediaType: "a/b", digest: digestOf(encodeUtf8("x")), sizeBytes: 1 };
    async function* broken() {
      yield encodeUtf8("x");
      throw new Error("the disk is gone");
    }
    await expect(cached.keep(source, content, broken())).rejects.toThrow("the disk is gone");
    expect(readdirSync(join(folder, "uploads"))).toEqual([]);
    expect(await records.lostArrivals(now + dayMs, 10)).toEqual([]);
  });
});

test.each([
  ["nothing while there is room and all are young", -1, 0, 0],
  ["the first when one byte is too much", 1, 0, 1],
  ["as many as are too much", 25, 0, 3],
  ["all, when they are not enough", 1000, 0, 4],
  ["those that are too old, beside what is too much", 5, 3, 3],
])("leaves %s", (_, overBytes, usedBeforeMs, expected) => {
  const entries = [0, 1, 2, 3].map((usedAtMs): CacheEntry => ({
    kind: "answer",
    source,
    name: String(usedAtMs),
    sizeBytes: 10,
    usedAtMs,
  }));
  expect(chooseLeaving(entries, overBytes, usedBeforeMs)).toEqual(entries.slice(0, expected));
});
