import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { digestHex, encodeUtf8 } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import { BlobDirectory, digestOf } from "@cpm/store";
import { AuditedDatabase } from "../access/audited-database.ts";
import { sql } from "../database/sql.ts";
import { openSqliteDatabase } from "../database/sqlite-database.ts";
import { storageFailed } from "../errors.ts";
import { DirectoryObjects } from "../objects/directory-objects.ts";
import { codesOf, emptyConfigBytes, imageOf, openRegistryUnderTest } from "../testing/index.ts";
import { ByteRate } from "./byte-rate.ts";
import type { ScrubClock } from "./scrub-clock.ts";
import { ScrubRecords, scrubLeaseMs } from "./scrub-records.ts";
import type { ScrubStatus } from "./scrub-records.ts";
import { Scrubber } from "./scrubber.ts";

const name = "test/scrub";
const textOf = (count: number) => encodeUtf8(`content ${count}`);

/** A clock on which a pause takes no time. */
function quickClock(): ScrubClock & { nowMs: number } {
  const clock = {
    nowMs: 1_767_000_000_000,
    now: () => clock.nowMs,
    sleep: async (durationMs: number) => void (clock.nowMs += durationMs),
  };
  return clock;
}

/** Files that a test can make fail. */
class FaultyObjects extends DirectoryObjects {
  /** Called before a read with its number, from 1; what it answers is done to the first chunk. */
  onRead: (turn: number, object: string) => void | ((chunk: Uint8Array) => Uint8Array) = () => undefined;
  readonly reads: string[] = [];
  /** A read waits for it. */
  gate: Promise<void> | undefined;

  override async *read(...args: Parameters<DirectoryObjects["read"]>): ReturnType<DirectoryObjects["read"]> {
    this.reads.push(args[0]);
    const change = this.onRead(this.reads.length, args[0]);
    await this.gate;
    for await (const chunk of super.read(...args)) yield typeof change === "function" ? change(chunk) : chunk;
  }
}

async function fresh() {
  const registry = await openRegistryUnderTest();
  const clock = quickClock();
  const open = await openSqliteDatabase(join(registry.dataDirectory, "registry.db"));
  const database = new AuditedDatabase(open, () => clock.nowMs++);
  const objects = new FaultyObjects(new BlobDirectory(registry.dataDirectory));
  const recordsOf = (holder: string) => new ScrubRecords(database, holder);
  const scrubberOf = (holder: string, told: Partial<ConstructorParameters<typeof Scrubber>[0]> = {}) =>
    new Scrubber({ records: recordsOf(holder), objects, rate: new ByteRate(20_000_000, clock), clock, ...told });
  return {
    ...registry,
    clock,
    database,
    objects,
    recordsOf,
    scrubberOf,
    scrub: () => scrubberOf("command:test").run(),
    damages: () => recordsOf("").damages(undefined, 100),
    status: (): Promise<ScrubStatus> => recordsOf("").status(),
    fileOf: (digest: Digest) => join(registry.dataDirectory, "blobs/sha256", digestHex(digest)),
    pushMany: (count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => registry.pushBlob(name, textOf(index)))),
    blobStatus: async (method: string, { digest }: Descriptor) =>
      (await registry.call(method, `/v2/${name}/blobs/${digest}`)).status,
    async dispose() {
      await open.close();
      await registry.dispose();
    },
  };
}

function spoil(path: string, bytes: Uint8Array): void {
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}

describe("scrubbing", () => {
  test("reads every blob and manifest once, and a later run begins a new pass", async () => {
    const registry = await fresh();
    const blobs = await registry.pushMany(5);
    await registry.pushBlob(name, emptyConfigBytes);
    await registry.pushManifest(name, imageOf({ layers: blobs.slice(0, 1) }), "one", "two");
    await registry.pushManifest(name, imageOf({ layers: blobs.slice(1, 2) }), "three");
    expect(await registry.scrub()).toBe("done");
    const { pass, last, counts } = await registry.status();
    expect(pass).toBeUndefined();
    expect(await registry.damages()).toEqual([]);
    expect(registry.objects.reads).toEqual(registry.objects.reads.toSorted());
    expect(new Set(registry.objects.reads).size).toBe(6);
    expect(counts).toMatchObject({ contents: 8, damaged: 0, unreadable: 0 });
    expect(await registry.scrub()).toBe("done");
    expect((await registry.status()).last?.startedAtMs).toBeGreaterThan(last?.endedAtMs ?? Number.NaN);
    expect(registry.objects.reads).toHaveLength(12);
    await registry.dispose();
  });

  test.each([
    ["changed", "changed", (path: string) => spoil(path, encodeUtf8("c0ntent 2"))],
    ["cut", "lost", (path: string) => (chmodSync(path, 0o644), truncateSync(path, 3))],
    ["gone", "lost", (path: string) => rmSync(path)],
  ] as const)(
    "a blob that is %s is answered by nothing wrong, and healed by the next push",
    async (_, finding, harm) => {
      const registry = await fresh();
      const blobs = await registry.pushMany(4);
      const [, , blob] = blobs as [Descriptor, Descriptor, Descriptor];
      await registry.pushBlob(name, emptyConfigBytes);
      const path = registry.fileOf(blob.digest);
      harm(path);
      const left = existsSync(path) ? readFileSync(path) : undefined;
      expect(await registry.scrub()).toBe("done");

      const [damage] = await registry.damages();
      expect(damage).toMatchObject({ digest: blob.digest, repository: undefined, finding, sizeBytes: 9 });
      if (left === undefined) expect(damage?.keptAs).toBeUndefined();
      else expect(readFileSync(join(registry.dataDirectory, damage?.keptAs ?? ""))).toEqual(left);
      const get = await registry.call("GET", `/v2/${name}/blobs/${blob.digest}`);
      expect([get.status, (await codesOf(get)).own]).toEqual([500, "registry-server/content-lost"]);
      expect(await registry.blobStatus("HEAD", blob)).toBe(404);
      expect((await registry.pushManifest(name, imageOf({ layers: [blob] }))).response.status).toBe(404);
      const mount = await registry.call("POST", `/v2/test/other/blobs/uploads/?mount=${blob.digest}&from=${name}`);
      expect(mount.status).toBe(202);
      for (const other of blobs) if (other !== blob) expect(await registry.blobStatus("GET", other)).toBe(200);
      // What is known already is found once.
      expect(await registry.scrub()).toBe("done");
      expect(await registry.damages()).toHaveLength(1);

      await registry.pushBlob(name, textOf(2));
      expect([await registry.blobStatus("HEAD", blob), await registry.blobStatus("GET", blob)]).toEqual([200, 200]);
      expect((await registry.pushManifest(name, imageOf({ layers: [blob] }))).response.status).toBe(201);
      expect(await registry.damages()).toEqual([]);
      if (left !== undefined) expect(readFileSync(join(registry.dataDirectory, damage?.keptAs ?? ""))).toEqual(left);
      expect(await registry.scrub()).toBe("done");
      expect(await registry.damages()).toEqual([]);
      await registry.dispose();
    },
  );

  test("a manifest whose bytes are others is never answered, before it is found too, and the same push heals it", async () => {
    const registry = await fresh();
    await registry.pushBlob(name, emptyConfigBytes);
    const { descriptor } = await registry.pushManifest(name, imageOf(), "1.0.0");
    await registry.database.run(sql`UPDATE manifests SET bytes = ${encodeUtf8("{}")}`);
    const path = `/v2/${name}/manifests/1.0.0`;
    for (const scrubbed of [false, true]) {
      if (scrubbed) expect(await registry.scrub()).toBe("done");
      const get = await registry.call("GET", path);
      expect([get.status, (await codesOf(get)).own]).toEqual([500, "registry-server/content-lost"]);
      expect((await registry.call("HEAD", path)).status).toBe(404);
    }
    expect(await registry.damages()).toMatchObject([{ digest: descriptor.digest, repository: name }]);
    const row = await registry.database.get<{ bytes: Uint8Array }>(sql`SELECT bytes FROM damages`);
    expect(Buffer.from(row?.bytes ?? []).toString()).toBe("{}");
    await registry.pushManifest(name, imageOf(), "1.0.0");
    expect((await registry.call("GET", path)).status).toBe(200);
    expect(await registry.damages()).toEqual([]);
    await registry.dispose();
  });

  test("what was deleted or collected since is not damaged any more", async () => {
    const registry = await fresh();
    const [blob] = await registry.pushMany(1);
    await registry.pushBlob(name, emptyConfigBytes);
    const { descriptor } = await registry.pushManifest(name, imageOf(), "1");
    rmSync(registry.fileOf(blob?.digest as Digest));
    await registry.database.run(sql`UPDATE manifests SET bytes = ${encodeUtf8("{}")}`);
    expect(await registry.scrub()).toBe("done");
    expect(await registry.damages()).toHaveLength(2);
    await registry.call("DELETE", `/v2/${name}/manifests/${descriptor.digest}`);
    expect(await registry.damages()).toMatchObject([{ digest: blob?.digest }]);
    await registry.database.run(sql`DELETE FROM blobs WHERE digest = ${blob?.digest ?? ""}`);
    expect([await registry.damages(), await registry.recordsOf("").countDamages()]).toEqual([[], 0]);
    await registry.dispose();
  });

  test("what is wrong only once, as after a bad transfer, is whole", async () => {
    const registry = await fresh();
    await registry.pushMany(3);
    registry.objects.onRead = (turn) => (turn === 2 ? (chunk) => chunk.map((byte) => byte ^ 1) : undefined);
    expect(await registry.scrub()).toBe("done");
    expect(await registry.damages()).toEqual([]);
    expect(registry.objects.reads).toHaveLength(4);
    await registry.dispose();
  });

  test("one that cannot be read is passed over, and a storage that is away ends the run before what it did not give", async () => {
    const registry = await fresh();
    const blobs = await registry.pushMany(8);
    const objects = blobs.map(({ digest }) => `blobs/sha256/${digestHex(digest)}`).toSorted();
    const away = new Set(objects.slice(1, 2));
    registry.objects.onRead = (_, object) => {
      if (away.has(object)) throw storageFailed("refused");
    };
    const unreadable: string[] = [];
    const scrubber = registry.scrubberOf("command:test", { onUnreadable: ({ digest }) => unreadable.push(digest) });
    expect(await scrubber.run()).toBe("done");
    expect([unreadable.length, await registry.damages()]).toEqual([1, []]);

    for (const object of objects.slice(3)) away.add(object);
    await expect(scrubber.run()).rejects.toMatchObject({ code: "registry-server/storage" });
    expect((await registry.status()).pass).toMatchObject({ contents: 3, unreadable: 1 });
    away.clear();
    registry.objects.reads.length = 0;
    expect(await scrubber.run()).toBe("done");
    expect(registry.objects.reads).toEqual(objects.slice(3));
    expect(await registry.damages()).toEqual([]);
    await registry.dispose();
  });

  test("so much damage in a row stops it, and what is back is whole again", async () => {
    const registry = await fresh();
    const blobs = await registry.pushMany(15);
    for (const { digest } of blobs) rmSync(registry.fileOf(digest));
    await expect(registry.scrub()).rejects.toMatchObject({ code: "registry-server/scrub-stopped" });
    expect(await registry.damages()).toHaveLength(10);
    for (const [index, { digest }] of blobs.entries()) writeFileSync(registry.fileOf(digest), textOf(index));
    expect(await registry.scrub()).toBe("done");
    expect(await registry.scrub()).toBe("done");
    expect(await registry.damages()).toEqual([]);
    for (const blob of blobs) expect(await registry.blobStatus("GET", blob)).toBe(200);
    await registry.dispose();
  });

  test("goes on in another process where it was, within a blob from its beginning", async () => {
    const registry = await fresh();
    await registry.pushMany(6);
    const stop = new AbortController();
    registry.objects.onRead = (turn) => (turn === 4 ? (chunk) => (stop.abort(), chunk) : undefined);
    expect(await registry.scrubberOf("job:a").run({ signal: stop.signal })).toBe("stopped");
    expect((await registry.status()).pass).toMatchObject({ contents: 3 });
    expect(await registry.scrubberOf("job:b").run()).toBe("done");
    const { reads } = registry.objects;
    expect([reads.length, new Set(reads).size, reads[3]]).toEqual([7, 6, reads[4]]);
    await registry.dispose();
  });

  test("looks at no content after its time", async () => {
    const registry = await fresh();
    await registry.pushMany(3);
    registry.objects.onRead = () => void (registry.clock.nowMs += 700);
    expect(await registry.scrubberOf("job:a").run({ maxMs: 1000 })).toBe("stopped");
    expect(registry.objects.reads).toHaveLength(2);
    await registry.dispose();
  });

  test("is done by one at a time; a command takes it from a job, which then writes nothing", async () => {
    const registry = await fresh();
    await registry.pushMany(3);
    expect(await registry.recordsOf("command:first").claim(false)).toBeDefined();
    for (const holder of ["command:second", "job:a"]) expect(await registry.scrubberOf(holder).run()).toBe("busy");
    // It died, and its lease ran out.
    registry.clock.nowMs += scrubLeaseMs + 10;

    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    registry.objects.gate = gate.promise;
    registry.objects.onRead = () => {
      reached.resolve();
      registry.objects.onRead = () => undefined;
      return (chunk) => ((registry.clock.nowMs += 6000), chunk);
    };
    const job = registry.scrubberOf("job:a").run();
    await reached.promise;
    registry.objects.gate = undefined;
    expect(await registry.scrubberOf("command:third").run()).toBe("done");
    gate.resolve();
    expect(await job).toBe("busy");
    expect((await registry.status()).pass).toBeUndefined();
    await registry.dispose();
  });

  test("a push that stores the right bytes after the wrong ones were read is never taken for damaged", async () => {
    const registry = await fresh();
    const blob = await registry.pushBlob(name, textOf(1));
    spoil(registry.fileOf(blob.digest), encodeUtf8("c0ntent 1"));
    let kept: unknown;
    const quarantine = registry.objects.quarantine.bind(registry.objects);
    registry.objects.quarantine = async (object, label) => {
      kept = await quarantine(object, label);
      await registry.pushBlob(name, textOf(1));
      return String(kept);
    };
    expect(await registry.scrub()).toBe("done");
    expect(kept).toBeDefined();
    expect(await registry.damages()).toEqual([]);
    const get = await registry.call("GET", `/v2/${name}/blobs/${blob.digest}`);
    expect([get.status, digestOf(await get.bytes())]).toEqual([200, blob.digest]);
    await registry.dispose();
  });
});

test("a registry scrubs as a job when a pass is due, tells of what it finds, and counts it", async () => {
  let now = 1_767_000_000_000;
  const failures: string[] = [];
  const registry = await openRegistryUnderTest({
    now: () => now++,
    scrub: { everyMs: 3_600_000, bytesPerSecond: 1_000_000_000 },
    onJobFailure: (job, error) => failures.push(`${job}: ${String(error)}`),
  });
  const blob = await registry.pushBlob(name, textOf(1));
  await registry.pushBlob(name, textOf(22));
  const metric = async (metricName: string) =>
    new RegExp(`^cpm_registry_scrub_${metricName} (.*)$`, "m").exec(
      await (await registry.call("GET", "/metrics")).text(),
    )?.[1];
  await registry.runJob("scrub");
  expect([await metric("hashed_bytes_total"), await metric("damaged")]).toEqual(["19", "0"]);
  spoil(join(registry.dataDirectory, "blobs/sha256", digestHex(blob.digest)), encodeUtf8("c0ntent 1"));
  await registry.runJob("scrub");
  expect([await metric("hashed_bytes_total"), failures]).toEqual(["19", []]);
  now += 3_600_000;
  await registry.runJob("scrub");
  expect([await metric("damaged"), await metric("progress_ratio")]).toEqual(["1", undefined]);
  expect(Number(await metric("last_pass_timestamp_seconds"))).toBeGreaterThan(1_767_003_600);
  expect(failures).toEqual([expect.stringContaining(`the bytes of blob ${blob.digest} are changed`)]);
  await registry.dispose();
});

test("reads at the rate and no faster, however small the pieces, and time that was not used gives no right to more", async () => {
  const clock = quickClock();
  const rate = new ByteRate(1_000_000, clock);
  const startMs = clock.nowMs;
  for (let turn = 0; turn < 1000; turn++) await rate.take(1000);
  expect(clock.nowMs - startMs).toBeGreaterThanOrEqual(990);
  expect(clock.nowMs - startMs).toBeLessThanOrEqual(1000);
  clock.nowMs += 3_600_000;
  const againMs = clock.nowMs;
  await rate.take(2_000_000);
  expect(clock.nowMs - againMs).toBe(2000);
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  await expect(rate.take(1, stop.signal)).rejects.toThrow("enough");
});
