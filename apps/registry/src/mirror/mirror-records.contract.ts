import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { digestOf } from "@cpm/store";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { MirrorRecords } from "./mirror-records.ts";
import type { CacheEntry } from "./mirror-records.ts";

const digestOfText = (text: string): Digest => digestOf(encodeUtf8(text));
const [one, two] = [digestOfText("one"), digestOfText("two")];
const web = "https://registry.example.org/acme/web";
const app = "https://registry.example.org/acme/app";

/** What the records of mirrors promise, by each database. */
export function testMirrorRecords({ name, open }: DatabaseKind): void {
  describe(`the records of mirrors, by ${name}`, () => {
    const opened: (() => Promise<void>)[] = [];
    let records: MirrorRecords;
    afterAll(async () => {
      for (const dispose of opened) await dispose();
    });
    beforeEach(async () => {
      const { database, dispose } = await open();
      opened.push(dispose);
      records = new MirrorRecords(database);
    });
    let count = 0;
    async function addBlob(source: string, digest: Digest, object: string, now: number): Promise<void> {
      const arrival = { id: `arrival-${count++}`, digest, state: {} };
      await records.beginArrival(arrival, now);
      await records.addBlob(source, arrival, { sizeBytes: 10, object }, now);
    }
    const names = (entries: readonly CacheEntry[]) => entries.map((entry) => `${entry.kind} ${entry.name}`);

    test("show a blob where its upstream was seen to have it, and nowhere else", async () => {
      expect(await records.share(web, one)).toBe(false);
      await addBlob(web, one, "objects/1", 5);
      expect(await records.blob(web, one)).toEqual({ sizeBytes: 10, object: "objects/1" });
      expect(await records.blob(app, one)).toBeUndefined();
      expect(await records.share(app, one)).toBe(true);
      expect(await records.blob(app, one)).toEqual({ sizeBytes: 10, object: "objects/1" });
      expect(await records.lostArrivals(100, 10)).toEqual([]);
    });

    test("let an object depart that another took the place of, and keep one that arrives again", async () => {
      await addBlob(web, one, "objects/1", 5);
      await addBlob(app, one, "objects/2", 6);
      expect(await records.departures(6, 10)).toEqual(["objects/1"]);
      expect(await records.departures(5, 10)).toEqual([]);
      expect([await records.isNeeded("objects/1"), await records.isNeeded("objects/2")]).toEqual([false, true]);
      await addBlob(web, one, "objects/1", 7);
      expect(await records.departures(9, 10)).toEqual(["objects/2"]);
      await records.dropDeparture("objects/2");
      expect(await records.departures(9, 10)).toEqual([]);
    });

    test("have manifests and answers by source", async () => {
      const manifest = { digest: one, mediaType: "a/b", bytes: encodeUtf8("{}") };
      await records.addManifest(web, manifest, 1);
      await records.addManifest(web, manifest, 2);
      const stored = await records.manifest(web, one);
      expect({ ...stored, bytes: [...(stored?.bytes ?? [])] }).toEqual({ ...manifest, bytes: [...manifest.bytes] });
      expect(await records.manifest(app, one)).toBeUndefined();
      expect([await records.hasManifest(web, one), await records.hasManifest(app, one)]).toEqual([true, false]);
      await records.putAnswer(web, "tag x", { answer: "first", etag: undefined, checkedAtMs: 1 });
      await records.putAnswer(web, "tag x", { answer: "second", etag: '"e"', checkedAtMs: 2 });
      await records.checkAnswer(web, "tag x", 3);
      expect(await records.answer(web, "tag x")).toEqual({ answer: "second", etag: '"e"', checkedAtMs: 3 });
      expect(await records.answer(app, "tag x")).toBeUndefined();
      await records.dropAnswer(web, "tag x");
      expect(await records.answer(web, "tag x")).toBeUndefined();
    });

    test("list what was not used for the longest time, and let it leave unless it was used since", async () => {
      await addBlob(web, one, "objects/1", 1);
      await addBlob(web, two, "objects/2", 2);
      await records.addManifest(web, { digest: one, mediaType: "a/b", bytes: encodeUtf8("{}") }, 3);
      await records.putAnswer(web, "tags", { answer: "[]", etag: undefined, checkedAtMs: 4 });
      expect(await records.totalBytes()).toBe(24);
      const listed = await records.leastUsed(10);
      expect(names(listed)).toEqual([`blob ${one}`, `blob ${two}`, `manifest ${one}`, "answer tags"]);
      expect(names(await records.leastUsed(2))).toEqual([`blob ${one}`, `blob ${two}`]);
      await records.touch([one], new Map([[web, new Set([one])]]), 9);
      expect(names(await records.evict(listed, 10))).toEqual([`blob ${two}`, "answer tags"]);
      expect(names(await records.leastUsed(10)).toSorted()).toEqual([`blob ${one}`, `manifest ${one}`]);
      expect(await records.blob(web, two)).toBeUndefined();
      expect(await records.departures(10, 10)).toEqual(["objects/2"]);
      expect(await records.totalBytes()).toBe(12);
    });

    test("remember what is on its way, with what the storage has to know of it", async () => {
      await records.beginArrival({ id: "a", digest: one, state: {} }, 1);
      await records.beginArrival({ id: "b", digest: two, state: {} }, 2);
      await records.saveArrival("a", { parts: [1] }, 5);
      expect(await records.arrivalState("a")).toEqual({ parts: [1] });
      expect(await records.lostArrivals(3, 10)).toEqual([{ id: "b", digest: two, state: {} }]);
      await records.dropArrival("b");
      expect(await records.arrivalState("b")).toBeUndefined();
      expect((await records.lostArrivals(9, 10)).map(({ id }) => id)).toEqual(["a"]);
    });

    test("forget a blob whose object is gone, and none that has another by now", async () => {
      await addBlob(web, one, "objects/1", 1);
      await records.dropBlob(one, "objects/2");
      expect(await records.blob(web, one)).toBeDefined();
      await records.dropBlob(one, "objects/1");
      expect(await records.blob(web, one)).toBeUndefined();
    });
  });
}
