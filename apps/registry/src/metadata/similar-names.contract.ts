import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Visibility } from "../access/rights.ts";
import { createAccounts } from "../access/accounts.ts";
import type { Accounts } from "../access/accounts.ts";
import type { Metadata } from "../metadata.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { versionOf } from "../testing/new-manifests.ts";

const by = { actor: "olga", requestId: "r1" };
const everything: Visibility = { namespaces: "all", patterns: [] };
const onlyPublic: Visibility = { namespaces: [], patterns: [] };
const muchUsedFrom = 10;

/** What the metadata promise of names that are easily taken for others, on every database. */
export function testSimilarNames({ name: database, open }: DatabaseKind): void {
  describe(`similar names, by ${database}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  let metadata: Metadata;
  let accounts: Accounts;

  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  beforeEach(async () => {
    const { database, dispose } = await open();
    opened.push(dispose);
    metadata = new SqlMetadata(database, () => 1_767_000_000_000);
    accounts = createAccounts(database, () => 1_767_000_000_000);
  });

  const publish = (name: string, visible: Visibility = everything, version = "1.0.0") =>
    metadata.putManifest({ ...versionOf(version, {}, name), nameRules: { visible, muchUsedFrom } }, by);

  async function use(name: string, count: number): Promise<void> {
    const digest = await metadata.publishedDigest(name, "1.0.0");
    if (digest !== undefined) await metadata.addDownloads([{ repository: name, digest, count }]);
  }

  const refused = (similar: string) => ({ code: "registry-server/name-too-similar", context: { similar } });

  test.each([
    ["looks the same in its namespace", "rise/word-count", "rise/wordcount"],
    ["has a digit that looks like a letter", "rise/w0rdcount", "rise/wordcount"],
    ["looks the same in a namespace that looks the same", "r-i-se/wordcount", "rise/wordcount"],
    ["has a number more in its namespace", "rise2/wordcount", "rise/wordcount"],
    ["has a number more, elsewhere", "rise2/wordcount-3", "rise/wordcount"],
  ])("a new name that %s is refused, whoever uses the other", async (_, name, similar) => {
    await publish(similar);
    await expect(publish(name)).rejects.toMatchObject(refused(similar));
    expect(await metadata.package(name)).toBeUndefined();
    expect(await metadata.hasRepository(name)).toBe(false);
  });

  test.each([
    ["a letter left out", "rise/wordcunt"],
    ["a letter put in", "rise/wordcoount"],
    ["another letter", "rise/wordcouny"],
    ["two letters swapped", "rise/wordcoutn"],
    ["a letter put in, elsewhere", "evil/wordcounts"],
    ["the look of it, elsewhere", "evil/word-count"],
    ["another letter in the namespace", "rize/wordcount"],
    ["a letter more in the namespace", "risee/wordcount"],
  ])("a new name with %s is refused beside one that is much used, and only then", async (_, name) => {
    await publish("rise/wordcount");
    await use("rise/wordcount", muchUsedFrom - 1);
    await publish(name);
    const [mistyped, used] = [name, "rise/wordcount"].map((text) => text.replace("word", "line"));
    if (mistyped === undefined || used === undefined) throw new TypeError("two were given");
    await publish(used);
    await use(used, muchUsedFrom);
    await expect(publish(mistyped)).rejects.toMatchObject(refused(used));
    await metadata.putManifest(versionOf("1.0.0", {}, mistyped), by);
    expect((await metadata.package(mistyped))?.name).toBe(mistyped);
  });

  test.each([
    ["the same name in another namespace", "evil/wordcount"],
    ["two mistakes", "rise/wordcoutns"],
    ["the next of a series", "rise/wordcount-2"],
    ["something else", "rise/texttools"],
    ["a short name that is one letter away", "rise/app"],
    ["a short name that is one letter away, elsewhere", "evil/apt"],
  ])("%s is taken", async (_, name) => {
    for (const used of ["rise/wordcount", "rise/apl"]) {
      await publish(used);
      await use(used, 100 * muchUsedFrom);
    }
    await publish(name);
    expect((await metadata.package(name))?.name).toBe(name);
  });

  test("a further version of a package keeps the name, whatever was published since", async () => {
    await publish("rise/wordcount");
    await metadata.putManifest(versionOf("1.0.0", {}, "rise/word-count"), by);
    await publish("rise/word-count", everything, "1.1.0");
    await publish("rise/wordcount", everything, "1.1.0");
    expect((await metadata.package("rise/word-count"))?.version).toBe("1.1.0");
  });

  test("a name that its author may not see is nothing to be like", async () => {
    await accounts.namespaces.add("hidden", true, undefined, by);
    await publish("hidden/wordcount");
    await publish("h1dden/wordcount", onlyPublic);
    await expect(publish("hldden/wordcount", onlyPublic)).rejects.toMatchObject(refused("h1dden/wordcount"));
    await publish("hidde-n/wordcount", onlyPublic);
    await expect(publish("hid-den/wordcount")).rejects.toMatchObject({ code: "registry-server/name-too-similar" });
  });

  test("of two that are published at once under similar names, one is", async () => {
    const outcomes = await Promise.allSettled([publish("rise/wordcount"), publish("rise/word-count")]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
}
