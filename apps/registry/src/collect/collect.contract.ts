import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { formatManifest, mediaTypes } from "@cpm/oci";
import type { OciManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { createAccounts } from "../access/accounts.ts";
import { sql } from "../database/sql.ts";
import type { VerifiedPackage } from "../metadata.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { CollectionUnderTest } from "../testing/collection-under-test.ts";
import { imageOf, indexOf } from "../testing/index.ts";
import { CollectMetrics } from "./collect-metrics.ts";
import type { CollectSettings } from "./collect-settings.ts";

const by = { actor: "olga", requestId: "r1" };
const hourMs = 60 * 60_000;
const [here, there] = ["acme/web", "acme/db"];
let count = 0;
const someBytes = (): Uint8Array => encodeUtf8(`bytes ${count++}`);
const imageWith = (fields: Partial<OciManifest> = {}): OciManifest =>
  imageOf({ annotations: { text: `${count++}` }, ...fields });
const descriptorOf = (digest: Digest) => ({ mediaType: mediaTypes.manifest, digest, sizeBytes: 1 });

/** What is collected and what is not, on every database. */
export function testCollection({ name, open }: DatabaseKind): void {
  describe(`collection, by ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  async function fresh(settings: Partial<CollectSettings> = {}) {
    const { database, again, dispose } = await open();
    const content = new CollectionUnderTest(settings);
    opened.push(async () => {
      await dispose();
      content.dispose();
    });
    const registry = content.replica(database);
    return { database, again, content, registry };
  }

  describe("of blobs", () => {
    test("takes what no manifest needs, once nobody has used it for the delay, and its bytes", async () => {
      const { content, registry } = await fresh();
      const [loose, needed] = [await registry.pushBlob(here, someBytes()), await registry.pushBlob(here, someBytes())];
      const manifest = await registry.pushManifest(here, imageWith(), [needed], { tags: ["latest"] });
      content.nowMs += content.settings.delayMs;
      await registry.collect();
      expect(await registry.has(here, loose)).toBe(true);
      content.passDelay();
      await registry.collect();
      expect(await registry.has(here, loose)).toBe(false);
      expect(await registry.objects()).toEqual([registry.storage.defaultObject(needed)]);
      for (const kept of [needed, manifest]) expect(await registry.has(here, kept)).toBe(true);
      const { blobs, objects, bytes } = content.counts.total;
      expect([blobs, objects]).toEqual([1, 1]);
      expect(bytes).toBeGreaterThan(0);
    });

    test.each([
      ["a client that is told of it", (c) => c.registry.metadata.promise(here, [c.digest])],
      ["a mount of it", (c) => c.registry.metadata.mountBlob(here, there, c.digest)],
      ["another upload of it", (c) => c.registry.pushBlob(there, c.bytes)],
      [
        "a manifest that names it and is refused",
        async (c) => expect(c.pushRefused()).rejects.toMatchObject({ code: "store/incomplete" }),
      ],
    ] as readonly [string, (context: PutOff) => Promise<unknown>][])("is put off by %s", async (_, use) => {
      const { content, registry } = await fresh();
      const bytes = someBytes();
      const digest = await registry.pushBlob(here, bytes);
      content.nowMs += content.settings.delayMs;
      await use({
        registry,
        digest,
        bytes,
        pushRefused: () => registry.pushManifest(here, imageWith(), [digest, digestOf(someBytes())]),
      });
      content.nowMs += content.settings.delayMs;
      await registry.collect();
      expect(await registry.read(here, digest)).toEqual(bytes);
      await registry.pushManifest(here, imageWith(), [digest], { tags: ["latest"] });
      content.passDelay();
      await registry.collect();
      expect(await registry.read(here, digest)).toEqual(bytes);
    });

    test("is put off by many who ask at once, and is not written again for who asks soon after", async () => {
      const { content, registry, database } = await fresh();
      const digests = await Promise.all([someBytes(), someBytes()].map((bytes) => registry.pushBlob(here, bytes)));
      const touched = async () =>
        (await database.all<{ touched_at: number }>(sql`SELECT touched_at FROM blob_reviews`)).map(
          (row) => row.touched_at,
        );
      const pushedAt = content.nowMs;
      content.nowMs += hourMs;
      await registry.metadata.promise(here, digests);
      expect(await touched()).toEqual([pushedAt, pushedAt]);
      content.nowMs += 1;
      const askers = Array.from({ length: 32 }, (_, index) =>
        registry.metadata.promise(here, digests.slice(index % 2)),
      );
      await Promise.all(askers);
      expect(await touched()).toEqual([content.nowMs, content.nowMs]);
      // What another repository shows is none of this one's.
      content.nowMs += 2 * hourMs;
      await registry.metadata.promise(there, digests);
      expect(await touched()).toEqual([pushedAt + hourMs + 1, pushedAt + hourMs + 1]);
    });

    test("leaves them to the repositories whose manifests need them, and to no other", async () => {
      const { content, registry } = await fresh();
      const bytes = someBytes();
      const digest = await registry.pushBlob(here, bytes);
      await registry.metadata.mountBlob(here, there, digest);
      const manifest = await registry.pushManifest(there, imageWith(), [digest], { tags: ["latest"] });
      content.passDelay();
      await registry.collect();
      expect(await registry.has(here, digest)).toBe(false);
      expect(await registry.read(there, digest)).toEqual(bytes);
      await registry.metadata.removeManifest(there, manifest, by);
      content.passDelay();
      await registry.collect();
      expect(await registry.has(there, digest)).toBe(false);
      expect(await registry.objects()).toEqual([]);
    });

    test("takes one that was deleted, whose bytes another repository may still need", async () => {
      const { content, registry } = await fresh();
      const [shared, own] = [await registry.pushBlob(here, someBytes()), await registry.pushBlob(here, someBytes())];
      await registry.metadata.mountBlob(here, there, shared);
      await registry.pushManifest(there, imageWith(), [shared], { tags: ["latest"] });
      for (const digest of [shared, own]) await registry.metadata.unlinkBlob(here, digest, by);
      content.passDelay();
      await registry.collect();
      expect(await registry.objects()).toEqual([registry.storage.defaultObject(shared)]);
      expect(await registry.read(there, shared)).toBeDefined();
    });

    test("keeps the object that another one took the place of for whoever reads it", async () => {
      const { content, registry, database } = await fresh();
      const digest = digestOf(someBytes());
      for (const object of ["blobs/one", "blobs/two"]) {
        const { id } = await registry.uploads.create(here, "olga");
        await registry.metadata.finishUpload(here, digest, { id, object, sizeBytes: 7, version: 0 });
      }
      const waiting = () => database.all(sql`SELECT object, size_bytes, remove_after FROM object_removals`);
      const removeAfter = content.nowMs + 24 * hourMs;
      expect(await waiting()).toEqual([{ object: "blobs/one", size_bytes: 7, remove_after: removeAfter }]);
      content.nowMs = removeAfter - 1;
      await registry.collector.removeObjects();
      expect(await waiting()).toHaveLength(1);
    });

    test("goes through as many as there are", async () => {
      const { content, registry, database } = await fresh();
      const names = Array.from({ length: 1234 }, (_, index) => digestOf(encodeUtf8(`many ${index}`)));
      await database.transact(async (transaction) => {
        await transaction.run(sql`
          INSERT INTO blobs (digest, size_bytes, created_at) SELECT item.value, 5, 0 FROM ${names} AS item`);
        await transaction.run(sql`
          INSERT INTO blob_reviews (digest, touched_at) SELECT item.value, 7 FROM ${names} AS item`);
      });
      content.passDelay();
      expect((await registry.collector.plan()).blobs).toHaveLength(names.length);
      await registry.collect();
      expect(content.counts.total.blobs).toBe(names.length);
      expect(await database.all(sql`SELECT digest FROM blobs UNION ALL SELECT object FROM object_removals`)).toEqual(
        [],
      );
    });
  });

  describe("of manifests", () => {
    test("takes the children of an index and the referrers of a subject once that is gone, and theirs", async () => {
      const { content, registry, database } = await fresh();
      const layer = await registry.pushBlob(here, someBytes());
      const child = await registry.pushManifest(here, imageWith(), [layer]);
      const tagged = await registry.pushManifest(here, imageWith(), [layer], { tags: ["child"] });
      const index = await registry.pushManifest(
        here,
        indexOf([descriptorOf(child), descriptorOf(tagged)]),
        [child, tagged],
        { tags: ["latest"] },
      );
      const ofIndex = await registry.pushManifest(here, imageWith({ subject: descriptorOf(index) }), []);
      const ofReferrer = await registry.pushManifest(here, imageWith({ subject: descriptorOf(ofIndex) }), []);
      const ofChild = await registry.pushManifest(here, imageWith({ subject: descriptorOf(child) }), []);
      const all = [child, ofIndex, ofReferrer, ofChild];
      const present = async () => (await Promise.all(all.map((digest) => registry.has(here, digest)))).map(Number);
      content.passDelay();
      await registry.collect();
      expect(await present()).toEqual([1, 1, 1, 1]);
      await registry.metadata.removeManifest(here, index, by);
      await registry.collect();
      expect(await present()).toEqual([1, 1, 1, 1]);
      content.passDelay();
      expect((await registry.collector.plan()).manifests.map(({ digest }) => digest).toSorted()).toEqual(
        [child, ofIndex].toSorted(),
      );
      await registry.collect();
      expect(await present()).toEqual([0, 0, 1, 1]);
      content.passDelay();
      await registry.collect();
      expect(await present()).toEqual([0, 0, 0, 0]);
      // What has a tag of its own stays, with all that it needs.
      for (const kept of [tagged, layer]) expect(await registry.has(here, kept)).toBe(true);
      const audit = await createAccounts(database, content.now).audit.entries("acme", Number.MAX_SAFE_INTEGER, 4);
      expect(audit.map(({ action, actor }) => `${action} ${actor}`)).toEqual(
        Array.from({ length: 4 }, () => "manifest.collect local:collector"),
      );
    });

    test("leaves what is needed again by then", async () => {
      const { content, registry } = await fresh();
      const subject = imageWith();
      const child = await registry.pushManifest(here, imageWith(), []);
      const digest = await registry.pushManifest(here, subject, [child], { tags: ["latest"] });
      const referrer = await registry.pushManifest(here, imageWith({ subject: descriptorOf(digest) }), []);
      await registry.metadata.removeManifest(here, digest, by);
      content.nowMs += content.settings.delayMs;
      // Told that the child is there, the client pushes only what needs it.
      await registry.metadata.promise(here, [child]);
      content.nowMs += content.settings.delayMs - 1;
      await registry.metadata.promise(here, [referrer]);
      await registry.collect();
      expect(await registry.has(here, child)).toBe(true);
      await registry.pushManifest(here, subject, [child], { tags: ["latest"] });
      content.passDelay();
      await registry.collect();
      expect(await registry.has(here, child)).toBe(true);
    });

    test("takes a referrer whose subject does not come, and none whose subject comes later", async () => {
      const { content, registry } = await fresh();
      const late = imageWith();
      const [lost, early] = [
        await registry.pushManifest(here, imageWith({ subject: descriptorOf(digestOf(someBytes())) }), []),
        await registry.pushManifest(here, imageWith({ subject: descriptorOf(digestOf(formatManifest(late))) }), []),
      ];
      content.nowMs += content.settings.delayMs;
      await registry.pushManifest(here, late, [], { tags: ["latest"] });
      content.passDelay();
      await registry.collect();
      expect(await registry.has(here, lost)).toBe(false);
      expect(await registry.has(here, early)).toBe(true);
    });

    test("leaves manifests without a tag for good, unless they are to go", async () => {
      for (const [untaggedAfterMs, stays] of [
        [Number.POSITIVE_INFINITY, true],
        [100 * hourMs, false],
      ] as const) {
        const { content, registry } = await fresh({ untaggedAfterMs });
        const byDigest = await registry.pushManifest(here, imageWith(), []);
        const moved = await registry.pushManifest(here, imageWith(), [], { tags: ["latest"] });
        const removed = await registry.pushManifest(here, imageWith(), [], { tags: ["old"] });
        content.passDelay();
        const tagged = await registry.pushManifest(here, imageWith(), [], { tags: ["latest"] });
        await registry.metadata.removeTag(here, "old", by);
        content.nowMs += 99 * hourMs;
        await registry.collect();
        for (const digest of [moved, removed, tagged]) expect(await registry.has(here, digest)).toBe(true);
        expect(await registry.has(here, byDigest)).toBe(stays);
        content.passDelay();
        await registry.collect();
        for (const digest of [byDigest, moved, removed]) expect(await registry.has(here, digest)).toBe(stays);
        expect(await registry.has(here, tagged)).toBe(true);
      }
    });

    test("never takes a version, nor what it needs", async () => {
      const { content, registry, database } = await fresh({ untaggedAfterMs: hourMs });
      const layer = await registry.pushBlob(here, someBytes());
      const child = await registry.pushManifest(here, imageWith(), [layer]);
      const verified: VerifiedPackage = {
        name: here,
        version: "1.0.0",
        description: "",
        keywords: [],
        sizeBytes: 1,
        manifest: "{}",
      };
      const version = await registry.pushManifest(here, indexOf([descriptorOf(child)]), [child], {
        tags: ["1.0.0"],
        package: verified,
        publish: true,
      });
      // As if its tag had been lost: the index is enough.
      await database.transact((transaction) => transaction.run(sql`DELETE FROM tags`));
      await registry.sweepAll();
      content.passDelay();
      await registry.collect();
      content.passDelay();
      await registry.collect();
      for (const digest of [version, child, layer]) expect(await registry.has(here, digest)).toBe(true);
    });
  });

  describe("after a sweep", () => {
    test("takes objects of no blob that are older than the delay", async () => {
      const { content, registry, database } = await fresh();
      const digest = await registry.pushBlob(here, someBytes());
      await registry.pushManifest(here, imageWith(), [digest], { tags: ["latest"] });
      const orphan = await registry.pushBlob(here, someBytes());
      await database.transact((transaction) => transaction.run(sql`DELETE FROM blobs WHERE digest = ${orphan}`));
      // One without the name of an object, as earlier data directories have them.
      await database.transact((transaction) => transaction.run(sql`UPDATE blobs SET object = NULL`));
      expect(await registry.sweep.plan()).toEqual([]);
      await registry.sweepAll();
      await registry.collect();
      expect(await registry.objects()).toHaveLength(2);
      content.passDelay();
      expect((await registry.sweep.plan()).map(({ object }) => object)).toEqual([
        registry.storage.defaultObject(orphan),
      ]);
      await registry.sweepAll();
      await registry.collect();
      expect(await registry.objects()).toEqual([registry.storage.defaultObject(digest)]);
      expect(content.counts.total).toMatchObject({ orphans: 1, objects: 1 });
    });

    test("takes what nobody queued, after the delay from then", async () => {
      const { content, registry, database } = await fresh({ untaggedAfterMs: hourMs });
      const loose = await registry.pushBlob(here, someBytes());
      const needed = await registry.pushBlob(here, someBytes());
      const untagged = await registry.pushManifest(there, imageWith(), []);
      await registry.pushManifest(here, imageWith(), [needed], { tags: ["latest"] });
      await database.transact(async (transaction) => {
        await transaction.run(sql`DELETE FROM blob_reviews`);
        await transaction.run(sql`DELETE FROM manifest_reviews`);
      });
      content.passDelay();
      await registry.sweepAll();
      await registry.collect();
      for (const digest of [loose, needed]) expect(await registry.has(here, digest)).toBe(true);
      expect(await database.all(sql`SELECT digest FROM blob_reviews`)).toEqual([{ digest: loose }]);
      content.passDelay();
      await registry.collect();
      expect(await registry.has(here, loose)).toBe(false);
      expect(await registry.has(there, untagged)).toBe(false);
      expect(await registry.has(here, needed)).toBe(true);
    });

    test("has left alone what an upload is at", async () => {
      const { content, registry } = await fresh();
      const bytes = someBytes();
      const digest = digestOf(bytes);
      content.passDelay();
      registry.beforeRecord = async () => {
        // Its file is in place, of no blob yet, and by this clock as old as anything.
        await registry.sweepAll();
        await registry.collect();
        expect(content.counts.total.orphans).toBe(1);
      };
      await registry.pushBlob(here, bytes);
      expect(await registry.read(here, digest)).toEqual(bytes);
      expect(readFileSync(`${content.root}/${registry.storage.defaultObject(digest)}`, "utf8")).toBe(
        Buffer.from(bytes).toString(),
      );
    });
  });

  test("metrics tell what waits, for how long, and what went", async () => {
    const { content, registry, database } = await fresh();
    const metrics = new CollectMetrics(database, content.counts, content.now);
    const values = async () =>
      (await metrics.families()).flatMap(({ name, values }) =>
        values.map(([label, value]) => `${name} ${label} ${value}`),
      );
    await registry.pushBlob(here, someBytes());
    await registry.pushManifest(here, imageWith(), []);
    content.nowMs += hourMs;
    for (const line of [
      `cpm_registry_collect_queue kind="blobs" 1`,
      `cpm_registry_collect_queue kind="manifests" 1`,
      `cpm_registry_collect_oldest_seconds  3600`,
      `cpm_registry_collected_total kind="blobs" 0`,
    ])
      expect(await values()).toContain(line);
    content.passDelay();
    await registry.collect();
    for (const line of [
      `cpm_registry_collect_queue kind="blobs" 0`,
      `cpm_registry_collect_queue kind="objects" 0`,
      `cpm_registry_collect_oldest_seconds  0`,
      `cpm_registry_collected_total kind="blobs" 1`,
      `cpm_registry_collected_total kind="objects" 1`,
    ])
      expect(await values()).toContain(line);
  });
}

interface PutOff {
  readonly registry: ReturnType<CollectionUnderTest["replica"]>;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly pushRefused: () => Promise<unknown>;
}
