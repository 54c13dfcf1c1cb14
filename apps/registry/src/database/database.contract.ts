import { afterAll, describe, expect, test } from "bun:test";
import type { Database, Transaction } from "./database.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { sql } from "./sql.ts";

const all = sql`SELECT name, value FROM secrets ORDER BY name`;
const put = (name: string, value: string) => sql`INSERT INTO secrets (name, value) VALUES (${name}, ${value})`;

/** Gives way to everybody else some times, as a database over a network does. */
async function pause(transaction: Transaction): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await transaction.get(sql`SELECT 1`);
}

/** What every database promises. */
export function testDatabase({ name, open }: DatabaseKind): void {
  describe(`the contract of a database, by ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  async function fresh() {
    const made = await open();
    opened.push(made.dispose);
    return made;
  }

  test("a transaction answers what its work does, and is seen once it has ended", async () => {
    const { database, again } = await fresh();
    const other = await again();
    const during = await database.transact(async (transaction) => {
      expect(await transaction.run(put("a", "1"))).toBe(1);
      expect(await transaction.get<{ value: string }>(all)).toEqual({ name: "a", value: "1" } as never);
      return [await database.all(all), await other.all(all)];
    });
    expect(during).toEqual([[], []]);
    expect(await database.all(all)).toEqual([{ name: "a", value: "1" }]);
    expect(await other.all(all)).toEqual([{ name: "a", value: "1" }]);
  });

  test("what throws is undone, and thrown on as it is", async () => {
    const { database } = await fresh();
    const error = new Error("not this time");
    const failing = database.transact(async (transaction) => {
      await transaction.run(put("a", "1"));
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    const breaking = database.transact(async (transaction) => {
      await transaction.run(put("b", "1"));
      await transaction.run(put("b", "2"));
    });
    await expect(breaking).rejects.not.toMatchObject({ code: "registry-server/database" });
    expect(await database.all(all)).toEqual([]);
    await database.transact((transaction) => transaction.run(put("a", "2")));
    expect(await database.all(all)).toEqual([{ name: "a", value: "2" }]);
  });

  test("transactions behave as if they ran one after another, from several processes too", async () => {
    const { database, again } = await fresh();
    const databases = [database, await again(), await again()];
    await database.transact((transaction) => transaction.run(put("count", "0")));
    const increment = async (of: Database): Promise<void> =>
      of.transact(async (transaction) => {
        const row = await transaction.get<{ value: string }>(sql`SELECT value FROM secrets WHERE name = 'count'`);
        await pause(transaction);
        await transaction.run(sql`UPDATE secrets SET value = ${String(Number(row?.value) + 1)} WHERE name = 'count'`);
      });
    await Promise.all(Array.from({ length: 60 }, async (_, turn) => increment(databases[turn % 3] ?? database)));
    expect(await database.all(all)).toEqual([{ name: "count", value: "60" }]);
  });

  test("two that each look for what the other writes do not both find nothing", async () => {
    const { database, again } = await fresh();
    const claim = async (of: Database, name: string): Promise<boolean> =>
      of.transact(async (transaction) => {
        const others = await transaction.all(all);
        await pause(transaction);
        if (others.length > 0) return false;
        await transaction.run(put(name, ""));
        return true;
      });
    const other = await again();
    const claimed = await Promise.all([claim(database, "a"), claim(other, "b"), claim(database, "c")]);
    expect(claimed.filter(Boolean)).toHaveLength(1);
    expect(await database.all(all)).toHaveLength(1);
  });

  test("whoever waits for others too long is told so, and has done nothing", async () => {
    const { database, again } = await fresh();
    const impatient = await again(50);
    const [written, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const writing = database.transact(async (transaction) => {
      await transaction.run(put("a", "1"));
      written.resolve();
      await hold.promise;
    });
    await written.promise;
    const late = [impatient, impatient].map((of) => of.transact((transaction) => transaction.run(put("a", "2"))));
    for (const { reason } of (await Promise.allSettled(late)) as PromiseRejectedResult[])
      expect(reason).toMatchObject({ code: "registry-server/database-busy" });
    hold.resolve();
    await writing;
    expect(await impatient.all(all)).toEqual([{ name: "a", value: "1" }]);
    await impatient.transact((transaction) => transaction.run(put("b", "2")));
    expect(await database.all(all)).toHaveLength(2);
  });

  test("values come back as they were given", async () => {
    const { database } = await fresh();
    const text = `' " \\ ? $1 ?1 ü 🙂`;
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const now = 1_767_000_000_123;
    await database.transact(async (transaction) => {
      await transaction.run(sql`INSERT INTO repositories (name) VALUES (${text})`);
      await transaction.run(sql`
        INSERT INTO manifests (repository_id, digest, media_type, artifact_type, bytes, created_at)
        SELECT id, CAST(${"d"} AS TEXT), name, CAST(${null} AS TEXT), ${bytes}, CAST(${now} AS BIGINT)
        FROM repositories`);
    });
    const row = await database.get<Record<string, unknown>>(sql`SELECT * FROM manifests WHERE media_type = ${text}`);
    expect(row).toMatchObject({ media_type: text, artifact_type: null, created_at: now });
    expect(new Uint8Array(row?.["bytes"] as Uint8Array)).toEqual(bytes);
    expect(await database.get(sql`SELECT count(*) AS count FROM manifests`)).toEqual({ count: 1 } as never);
    expect(await database.get(sql`SELECT 1 FROM manifests WHERE media_type = 'other'`)).toBeUndefined();
  });

  test("a text that not every database can keep is refused", async () => {
    const { database } = await fresh();
    const unkeepable = { code: "registry-server/text-invalid" };
    await expect(database.transact((transaction) => transaction.run(put("a\0b", "")))).rejects.toMatchObject(
      unkeepable,
    );
    await expect(database.transact(async () => sql`SELECT 1 WHERE 'a' IN ${["\0"]}`)).rejects.toMatchObject(unkeepable);
    expect(await database.all(all)).toEqual([]);
  });

  test("a list is a table of its texts, and may be empty, long, or hold anything", async () => {
    const { database } = await fresh();
    const list = ["a", "it's", `"quoted"`, "{x,y}", "ü\u{1f642}", "", "a\\b"];
    const written = await database.transact((transaction) =>
      transaction.run(sql`INSERT INTO secrets (name, value) SELECT item.value, '' FROM ${list} AS item`),
    );
    expect(written).toBe(list.length);
    const found = await database.all<{ name: string }>(sql`SELECT name FROM secrets WHERE name IN ${list}`);
    expect(new Set(found.map((row) => row.name))).toEqual(new Set(list));
    expect(await database.all(sql`SELECT name FROM secrets WHERE name IN ${[]}`)).toEqual([]);
    const many = Array.from({ length: 100_000 }, (_, index) => String(index));
    expect(await database.all(sql`SELECT name FROM secrets WHERE name IN ${many}`)).toEqual([]);
  });

  test("counts what was written, not what a conflict left as it was", async () => {
    const { database } = await fresh();
    const counts = await database.transact(async (transaction) => [
      await transaction.run(put("a", "1")),
      await transaction.run(sql`${put("a", "2")} ON CONFLICT (name) DO NOTHING`),
      await transaction.run(sql`${put("a", "2")} ON CONFLICT (name) DO UPDATE SET value = excluded.value`),
      await transaction.run(sql`DELETE FROM secrets WHERE name = 'b'`),
      await transaction.run(sql`DELETE FROM secrets WHERE name = 'a'`),
    ]);
    expect(counts).toEqual([1, 0, 1, 0, 1]);
  });

  test("names are ordered by their bytes", async () => {
    const { database } = await fresh();
    const names = ["a", "B", "_", "Z", "1", "ä", "a-b", "a.b", "ab"];
    await database.transact((transaction) =>
      transaction.run(sql`INSERT INTO repositories (name) SELECT item.value FROM ${names} AS item`),
    );
    const rows = await database.all<{ name: string }>(sql`SELECT name FROM repositories ORDER BY name`);
    expect(rows.map((row) => row.name)).toEqual(
      names.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))),
    );
    expect(await database.all(sql`SELECT name FROM repositories WHERE name > ${"a"} AND name < ${"a0"}`)).toHaveLength(
      2,
    );
  });

  test("the audit log is neither changed nor cut", async () => {
    const { database } = await fresh();
    const run = async (query: ReturnType<typeof sql>) => database.transact((transaction) => transaction.run(query));
    await run(sql`
      INSERT INTO audit (at, actor, action, subject, detail, request_id) VALUES (1, 'a', 'b', 'c', '{}', 'r')`);
    for (const query of [sql`UPDATE audit SET actor = 'x'`, sql`DELETE FROM audit`])
      await expect(run(query)).rejects.toThrow("append-only");
    expect(await database.all(sql`SELECT actor FROM audit`)).toEqual([{ actor: "a" }]);
  });

  test("a transaction that has ended is of no use", async () => {
    const { database } = await fresh();
    let kept: Transaction | undefined;
    await database.transact(async (transaction) => void (kept = transaction));
    await expect(kept?.get(all)).rejects.toThrow(TypeError);
  });

  test("closing waits for what has begun; nothing can be asked afterwards", async () => {
    const { database, again } = await fresh();
    const writing = database.transact(async (transaction) => {
      await pause(transaction);
      await transaction.run(put("a", "1"));
    });
    await database.close();
    await writing;
    const unusable = { code: "registry-server/database" };
    await expect(database.get(all)).rejects.toMatchObject(unusable);
    await expect(database.transact((transaction) => transaction.get(all))).rejects.toMatchObject(unusable);
    expect(await (await again()).all(all)).toHaveLength(1);
    await database.close();
  });
}
