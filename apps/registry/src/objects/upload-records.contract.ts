import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { SqlUploadRecords } from "./sql-upload-records.ts";
import type { UploadRecord, UploadRecords } from "./upload-records.ts";

/** What every store of upload records promises. Two readers of one store see the same. */
export function testUploadRecords(name: string, open: () => Promise<UploadRecords>, close?: () => Promise<void>): void {
  describe(`upload records in ${name}`, () => {
    let records: UploadRecords;
    beforeAll(async () => void (records = await open()));
    afterAll(async () => close?.());
    const record = (id: string, activeAtMs = 0): UploadRecord => ({
      id,
      repository: "a/b",
      actor: "ada",
      algorithm: "sha512",
      sizeBytes: 0,
      state: {},
      version: 0,
      leasedUntilMs: 0,
      activeAtMs,
    });
    const progress = { sizeBytes: 7, state: { parts: [{ etag: '"x"' }] }, leasedUntilMs: 5, activeAtMs: 100 };

    test("keep what was created and saved", async () => {
      await records.create(record("kept"));
      expect(await records.load("kept")).toEqual(record("kept"));
      expect(await records.claim("kept", 0, 9)).toEqual({ ...record("kept"), version: 1, leasedUntilMs: 9 });
      expect(await records.save("kept", 1, progress)).toBe(true);
      expect(await records.load("kept")).toEqual({ ...record("kept"), version: 1, ...progress });
      await records.remove("kept");
      expect(await records.load("kept")).toBeUndefined();
      await records.remove("kept");
    });

    test("are given to one of many who claim at once", async () => {
      await records.create(record("raced"));
      const claims = await Promise.all(Array.from({ length: 8 }, () => records.claim("raced", 0, 1)));
      expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    });

    test("save nothing for who has an older version, or of what is gone", async () => {
      await records.create(record("fenced"));
      await records.claim("fenced", 0, 1);
      expect(await records.save("fenced", 0, progress)).toBe(false);
      expect((await records.load("fenced"))?.sizeBytes).toBe(0);
      expect(await records.save("nowhere", 0, progress)).toBe(false);
      expect(await records.claim("nowhere", 0, 1)).toBeUndefined();
    });

    test("expire by what was heard of them, the oldest first", async () => {
      for (const [id, at] of [
        ["second", 20],
        ["first", 10],
        ["third", 30],
      ] as const)
        await records.create(record(id, 1_000_000 + at));
      const ids = async (since: number, limit: number) =>
        (await records.expired(1_000_000 + since, limit)).map(({ id }) => id).filter((id) => /st$|nd$|rd$/.test(id));
      expect(await ids(30, 100)).toEqual(["first", "second"]);
      await records.claim("first", 0, 0);
      await records.save("first", 1, { ...progress, activeAtMs: 1_000_050 });
      expect(await ids(31, 100)).toEqual(["second", "third"]);
    });
  });
}

export function testSqlUploadRecords({ name, open }: DatabaseKind): void {
  let close: (() => Promise<void>) | undefined;
  testUploadRecords(
    name,
    async () => {
      const { database, dispose } = await open();
      close = dispose;
      return new SqlUploadRecords(database);
    },
    async () => close?.(),
  );
}
