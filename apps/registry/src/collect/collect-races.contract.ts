import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { encodeUtf8, isCpmError } from "@cpm/base";
import { propertyRuns } from "@cpm/base/testing";
import { digestOf } from "@cpm/store";
import fc from "fast-check";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { CollectionUnderTest } from "../testing/collection-under-test.ts";
import type { ReplicaUnderTest } from "../testing/collection-under-test.ts";
import { imageOf } from "../testing/index.ts";

const [here, there] = ["acme/web", "acme/db"];
let count = 0;
const someBytes = (): Uint8Array => encodeUtf8(`bytes ${count++}`);
const imageWith = () => imageOf({ annotations: { text: `${count++}` } });

/** Lets others come first so many times. */
async function giveWay(database: Database, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await database.get(sql`SELECT 1`);
}

/** What holds on every database whoever pushes, mounts, asks and collects at the same time. */
export function testCollectionRaces({ name, open }: DatabaseKind): void {
  describe(`collection and pushes at once, by ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  /** Two processes on one database and one storage: one that is pushed to, and one that collects. */
  async function fresh() {
    const { database, again, dispose } = await open();
    const content = new CollectionUnderTest();
    opened.push(async () => {
      await dispose();
      content.dispose();
    });
    const other = await again();
    return { content, database, registry: content.replica(database), collecting: content.replica(other), other };
  }

  /** What a client does that wants a blob in its manifest. It pushes what it is told is missing, and nothing else. */
  const clients = {
    "asks for it": async (registry, bytes) => {
      const digest = digestOf(bytes);
      await registry.metadata.promise(here, [digest]);
      if ((await registry.metadata.blob(here, digest)) === undefined) await registry.pushBlob(here, bytes);
      // It was told that the blob is here, or has pushed it: nothing is missing now.
      await registry.pushManifest(here, imageWith(), [digest], { tags: ["latest"] });
    },
    "pushes it": async (registry, bytes) => {
      const digest = await registry.pushBlob(here, bytes);
      await registry.pushManifest(here, imageWith(), [digest], { tags: ["latest"] });
    },
    "mounts it": async (registry, bytes) => {
      const digest = digestOf(bytes);
      if (!(await registry.metadata.mountBlob(there, here, digest))) await registry.pushBlob(here, bytes);
      await registry.pushManifest(here, imageWith(), [digest], { tags: ["latest"] });
    },
    "takes it for granted": async (registry, bytes) => {
      const digest = digestOf(bytes);
      const manifest = imageWith();
      const push = () => registry.pushManifest(here, manifest, [digest], { tags: ["latest"] });
      await push().catch(async (error: unknown) => {
        if (!isCpmError(error, "store/incomplete")) throw error;
        await registry.pushBlob(here, bytes);
        await push();
      });
    },
  } satisfies Record<string, (registry: ReplicaUnderTest, bytes: Uint8Array) => Promise<void>>;

  test("whatever a client does with a blob that is due, what it pushed is whole", async () => {
    const { content, registry, collecting, database, other } = await fresh();
    const round = fc.record({
      client: fc.constantFrom(...(Object.keys(clients) as (keyof typeof clients)[])),
      clientTurns: fc.nat(8),
      collectorTurns: fc.nat(8),
    });
    const property = fc.asyncProperty(round, async ({ client, clientTurns, collectorTurns }) => {
      const bytes = someBytes();
      const digest = digestOf(bytes);
      for (const repository of [here, there]) await registry.pushBlob(repository, bytes);
      content.passDelay();
      await Promise.all([
        giveWay(database, clientTurns).then(() => clients[client](registry, bytes)),
        giveWay(other, collectorTurns).then(() => collecting.collect()),
      ]);
      content.passDelay();
      await collecting.collect();
      expect(await registry.read(here, digest)).toEqual(bytes);
      expect(await registry.has(there, digest)).toBe(false);
    });
    await fc.assert(property, propertyRuns(100));
  });

  test("32 push one blob that is due while it is collected again and again", async () => {
    const { content, registry, collecting } = await fresh();
    const bytes = someBytes();
    const digest = await registry.pushBlob(here, bytes);
    content.passDelay();
    const pushed = new AbortController();
    const collection = (async () => {
      while (!pushed.signal.aborted) {
        await collecting.collect();
        await Bun.sleep(0);
      }
    })();
    const repositories = Array.from({ length: 32 }, (_, index) => `acme/r${index}`);
    await Promise.all(
      repositories.map(async (repository) => {
        await registry.pushBlob(repository, bytes);
        await registry.pushManifest(repository, imageWith(), [digest], { tags: ["latest"] });
      }),
    );
    pushed.abort();
    await collection;
    content.passDelay();
    await collecting.collect();
    for (const repository of repositories) expect(await registry.read(repository, digest)).toEqual(bytes);
    expect(await registry.objects()).toHaveLength(1);
  }, 60_000);

  test("two that collect at once take everything once", async () => {
    const { content, registry, collecting } = await fresh();
    for (let turn = 0; turn < 20; turn++) await registry.pushBlob(here, someBytes());
    content.passDelay();
    await Promise.all([registry.collect(), collecting.collect()]);
    expect(content.counts.total).toMatchObject({ blobs: 20, objects: 20 });
    expect(await registry.objects()).toEqual([]);
  });

  test("what one is removing no other takes on, until the first must have given up", async () => {
    const { content, registry, collecting } = await fresh();
    await registry.pushBlob(here, someBytes());
    content.passDelay();
    const taken: number[] = [];
    content.beforeRemoval = async () => {
      content.beforeRemoval = async () => undefined;
      taken.push((await collecting.removals.removeDue(10)).count);
      content.nowMs += 60_000;
      taken.push((await collecting.removals.removeDue(10)).count);
    };
    await registry.collect();
    expect(taken).toEqual([0, 1]);
  });

  test("an upload does not put its object in place while an earlier one of that name is being removed", async () => {
    const { content, registry, database } = await fresh();
    const bytes = someBytes();
    const object = registry.storage.defaultObject(digestOf(bytes));
    const path = join(content.root, object);
    await registry.pushBlob(here, bytes);
    await database.transact(async (transaction) => {
      await transaction.run(sql`DELETE FROM blobs`);
      // By another process, which is at it.
      await transaction.run(sql`
        INSERT INTO object_removals (object, size_bytes, remove_after) VALUES (${object}, 7, ${content.nowMs + 60_000})`);
    });
    const pushed = registry.pushBlob(here, bytes);
    while (!readdirSync(join(content.root, "uploads")).some((name) => name.endsWith(".blob"))) await Bun.sleep(1);
    // Marked as it is, nothing but the removal keeps it.
    for (let turn = 0; turn < 10; turn++) await Bun.sleep(1);
    unlinkSync(path);
    await database.transact((transaction) => transaction.run(sql`DELETE FROM object_removals`));
    await pushed;
    expect(await registry.read(here, digestOf(bytes))).toEqual(bytes);
  });

  test("an upload ends itself a removal that nobody is at any more", async () => {
    const { content, registry, database } = await fresh();
    const bytes = someBytes();
    const object = registry.storage.defaultObject(digestOf(bytes));
    await database.transact((transaction) =>
      transaction.run(sql`
        INSERT INTO object_removals (object, size_bytes, remove_after) VALUES (${object}, 7, ${content.nowMs})`),
    );
    await registry.pushBlob(here, bytes);
    expect(await registry.read(here, digestOf(bytes))).toEqual(bytes);
    expect(await database.all(sql`SELECT object FROM object_removals`)).toEqual([]);
  });

  test("an upload in place is not recorded while its object is named as to be removed, and is not removed", async () => {
    const { content, registry, collecting } = await fresh();
    const bytes = someBytes();
    const digest = digestOf(bytes);
    content.passDelay();
    // The sweep sees the file before it is a blob's.
    registry.beforeRecord = async () => {
      registry.beforeRecord = async () => undefined;
      await collecting.sweepAll();
    };
    await registry.pushBlob(here, bytes);
    expect(content.counts.total.orphans).toBe(1);
    await collecting.collect();
    expect(await registry.read(here, digest)).toEqual(bytes);
  });
}
