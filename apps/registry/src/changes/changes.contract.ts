import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { AuditedDatabase } from "../access/audited-database.ts";
import { createAccounts } from "../access/accounts.ts";
import type { Visibility } from "../access/rights.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { ChangeFeed } from "./change-feed.ts";

const by = { actor: "olga", requestId: "r1" };
const everything: Visibility = { namespaces: "all", patterns: [] };
const onlyPublic: Visibility = { namespaces: [], patterns: [] };
const dayMs = 86_400_000;

/** What the feed of changes promises on every database. */
export function testChanges({ name, open }: DatabaseKind): void {
  describe(`the feed of changes, by ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  let database: Database;
  let again: () => Promise<Database>;
  let feed: ChangeFeed;
  let now = 1_767_000_000_000;

  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  beforeEach(async () => {
    const fresh = await open();
    ({ database, again } = fresh);
    opened.push(fresh.dispose);
    feed = new ChangeFeed(database);
  });

  const announce = (tag: string, repository = "acme/web", into: Database = database): Promise<void> =>
    new AuditedDatabase(into, () => now).change(by, (change) =>
      change.announce({ kind: "tag.set", name: repository, detail: { tag } }),
    );
  const read = async (after: number, limit = 100, visible = everything) => {
    const { changes, next, more } = await feed.read(visible, after, limit);
    return [changes.map(({ detail }) => detail?.["tag"]), next, more] as const;
  };

  test("has what was committed, and nothing of what was undone", async () => {
    await announce("a");
    const undone = new AuditedDatabase(database, () => now).change(by, async (change) => {
      await change.announce({ kind: "tag.set", name: "acme/web", detail: { tag: "lost" } });
      throw new Error("changed my mind");
    });
    await expect(undone).rejects.toThrow("changed my mind");
    await announce("b");
    const { changes } = await feed.read(everything, 0, 100);
    expect(changes).toEqual([
      { place: 1, at: now, kind: "tag.set", name: "acme/web", detail: { tag: "a" } },
      { place: 2, at: now, kind: "tag.set", name: "acme/web", detail: { tag: "b" } },
    ]);
    expect(await read(2)).toEqual([[], 2, false]);
    expect(await read(0, 1)).toEqual([["a"], 1, true]);
    expect(await feed.hasMore(1)).toBe(true);
    expect(await feed.hasMore(2)).toBe(false);
    await announce("c");
    expect(await feed.hasMore(2)).toBe(true);
    expect(await feed.latest()).toBe(3);
  });

  test("is complete for who follows it while many write at once, from several processes", async () => {
    const writers = [database, await again(), await again()];
    const readers = [feed, new ChangeFeed(await again())];
    const count = 60;
    let writing = true;
    const followed = readers.map(async (reader) => {
      const seen: string[] = [];
      for (let after = 0, last = false; ;) {
        last = !writing;
        const { changes, next, more } = await reader.read(everything, after, 7);
        for (const { place, detail } of changes) seen.push(`${place} ${detail?.["tag"] ?? ""}`);
        after = next;
        if (last && !more) return seen;
        await Bun.sleep(1);
      }
    });
    await Promise.all(
      Array.from({ length: count }, (_, index) => announce(`t${index}`, "acme/web", writers[index % writers.length])),
    );
    writing = false;
    const [first = [], second = []] = await Promise.all(followed);
    expect(first).toEqual(second);
    expect(first.map((entry) => Number(entry.split(" ")[0]))).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    expect(new Set(first.map((entry) => entry.split(" ")[1])).size).toBe(count);
  });

  test("shows only what may be seen now, and passes over the rest", async () => {
    const { namespaces } = createAccounts(database, () => now);
    await namespaces.add("acme", false, undefined, by);
    await namespaces.add("shut", true, undefined, by);
    for (const tag of ["a", "b", "c"]) await announce(tag, tag === "b" ? "acme/web" : "shut/web");
    expect(await read(0, 100, onlyPublic)).toEqual([["b"], 3, false]);
    expect(await read(0, 100, { namespaces: ["shut"], patterns: ["shut/d*"] })).toEqual([["b"], 3, false]);
    expect(await read(0, 100, { namespaces: ["shut"], patterns: ["shut/*"] })).toEqual([["a", "b", "c"], 3, false]);
    await namespaces.setPrivate("shut", false, by);
    const { changes } = await feed.read(onlyPublic, 2, 100);
    expect(changes.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["tag.set shut/web", "namespace.shown shut"]);
    await namespaces.setPrivate("acme", true, by);
    await namespaces.setPrivate("acme", true, by);
    expect(await read(0, 100, onlyPublic)).toEqual([["a", "c", undefined], 5, false]);
  });

  test("forgets what is old, and says so to who asks for what followed", async () => {
    for (const tag of ["a", "b"]) await announce(tag);
    now += dayMs;
    await announce("c");
    expect(await feed.forget(now - dayMs)).toBe(false);
    expect(await read(0)).toEqual([["a", "b", "c"], 3, false]);
    expect(await feed.forget(now)).toBe(false);
    expect(await read(2)).toEqual([["c"], 3, false]);
    for (const place of [0, 1, 4])
      await expect(feed.read(everything, place, 10)).rejects.toMatchObject({ code: "registry-server/cursor-gone" });
    now += dayMs;
    await feed.forget(now);
    expect(await read(3)).toEqual([[], 3, false]);
    await expect(feed.read(everything, 2, 10)).rejects.toMatchObject({ code: "registry-server/cursor-gone" });
    await announce("d");
    expect(await read(3)).toEqual([["d"], 4, false]);
  });
}
