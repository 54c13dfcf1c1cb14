import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { newestYankMark, yankArtifactType } from "@cpm/model";
import type { YankMark } from "@cpm/model";
import { emptyDescriptor } from "@cpm/oci";
import { createAccounts } from "../access/accounts.ts";
import type { Accounts } from "../access/accounts.ts";
import type { Visibility } from "../access/rights.ts";
import { ChangeFeed } from "../changes/change-feed.ts";
import { noFilters } from "../metadata.ts";
import type { Metadata } from "../metadata.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import { SqlUploadRecords } from "../objects/sql-upload-records.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { manifestOf, packageName as name, versionOf } from "../testing/new-manifests.ts";

const by = { actor: "olga", requestId: "r1" };
const everything: Visibility = { namespaces: "all", patterns: [] };

/** What the metadata promise of yanked versions and deprecated packages, on every database. */
export function testWithdrawals({ name: database, open }: DatabaseKind): void {
  describe(`what is withdrawn, by ${database}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  let metadata: Metadata;
  let accounts: Accounts;
  let uploads: SqlUploadRecords;
  let feed: ChangeFeed;
  let now = 1_767_000_000_000;

  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  beforeEach(async () => {
    const { database, dispose } = await open();
    opened.push(dispose);
    now = 1_767_000_000_000;
    metadata = new SqlMetadata(database, () => now++);
    accounts = createAccounts(database, () => now);
    uploads = new SqlUploadRecords(database);
    feed = new ChangeFeed(database);
  });

  const recorded = async () =>
    (await accounts.audit.entries(undefined, Number.MAX_SAFE_INTEGER, 100)).map((entry) => entry.action);

  /** What every mark has as its content. */
  async function addEmptyObject(): Promise<void> {
    const { digest, sizeBytes } = emptyDescriptor;
    const fields = { id: crypto.randomUUID(), repository: name, actor: "olga", algorithm: "sha256" as const };
    await uploads.create({ ...fields, sizeBytes: 0, state: {}, version: 0, leasedUntilMs: 0, activeAtMs: now });
    await metadata.finishUpload(name, digest, { id: fields.id, object: "empty", sizeBytes, version: 0 });
  }

  describe("a yank", () => {
    const yank = (reason: string) => ({ yanked: true, reason, by: "olga" });
    const unyank = { yanked: false, reason: "", by: "olga" };
    const versionsOf = async () =>
      (await metadata.package(name))?.versions.map(({ version, yanked }) => [version, yanked?.reason]);

    beforeEach(async () => {
      await addEmptyObject();
      for (const version of ["1.0.0", "1.1.0"])
        await metadata.putManifest(versionOf(version, { description: version, readme: `# ${version}` }), by);
    });

    test("is a manifest of its own beside the version, and said once", async () => {
      const marked = await metadata.markVersion(name, "1.1.0", yank("Loses data."), by);
      const digest = (await metadata.publishedDigest(name, "1.1.0")) as Digest;
      expect(marked).toMatchObject({ digest, yanked: { reason: "Loses data.", by: "olga" } });
      expect(await metadata.markVersion(name, "1.1.0", yank("Loses data."), by)).toEqual(marked);
      const { referrers } = await metadata.referrers(name, digest, "", 10_000);
      expect(referrers.map(({ artifactType }) => artifactType)).toEqual([yankArtifactType]);
      const { at } = marked.yanked ?? { at: 0 };
      expect(newestYankMark(referrers)).toEqual({ ...yank("Loses data."), atMs: at });
      const [entry] = await accounts.audit.entries("acme", Number.MAX_SAFE_INTEGER, 1);
      expect(entry).toMatchObject({ ...by, action: "version.yank", subject: name });
      expect(entry?.detail).toMatchObject({ version: "1.1.0", reason: "Loses data.", subject: digest });
      expect(await recorded()).toEqual(["version.yank", "manifest.push", "manifest.push"]);
    });

    test("may have another reason later, and is taken back by a later mark, whatever the clock says", async () => {
      await metadata.markVersion(name, "1.1.0", yank("one"), by);
      now -= 1_000_000;
      await metadata.markVersion(name, "1.1.0", yank("two"), by);
      expect(await versionsOf()).toEqual([
        ["1.1.0", "two"],
        ["1.0.0", undefined],
      ]);
      const marked = await metadata.markVersion(name, "1.1.0", unyank, by);
      expect(marked.yanked).toBeUndefined();
      expect(await metadata.markVersion(name, "1.1.0", unyank, by)).toEqual(marked);
      expect(await metadata.markVersion(name, "1.0.0", unyank, by)).toMatchObject({ yanked: undefined });
      expect(await versionsOf()).toEqual([
        ["1.1.0", undefined],
        ["1.0.0", undefined],
      ]);
      expect((await recorded()).slice(0, 3)).toEqual(["version.unyank", "version.yank", "version.yank"]);
      const { referrers } = await metadata.referrers(name, marked.digest, "", 10_000);
      expect(referrers).toHaveLength(3);
      expect(newestYankMark(referrers)?.yanked).toBe(false);
    });

    test("lets the package be described by the newest other version, and by a yanked one where all are", async () => {
      const shown = async () => {
        const found = await metadata.package(name);
        const query = { text: found?.description ?? "", filters: noFilters };
        const { results } = await metadata.search(query, everything, 10, 0);
        return [found?.version, found?.description, found?.readme, results.map((row) => row.version)];
      };
      await metadata.markVersion(name, "1.1.0", yank("one"), by);
      expect(await shown()).toEqual(["1.0.0", "1.0.0", "# 1.0.0", ["1.0.0"]]);
      await metadata.putManifest(versionOf("1.0.1-rc.1"), by);
      expect((await metadata.package(name))?.version).toBe("1.0.0");
      await metadata.markVersion(name, "1.0.0", yank("two"), by);
      expect((await metadata.package(name))?.version).toBe("1.0.1-rc.1");
      await metadata.markVersion(name, "1.0.1-rc.1", yank("three"), by);
      expect(await shown()).toEqual(["1.1.0", "1.1.0", "# 1.1.0", ["1.1.0"]]);
      await metadata.putManifest(versionOf("0.9.0"), by);
      expect((await metadata.package(name))?.version).toBe("0.9.0");
      await metadata.markVersion(name, "1.1.0", unyank, by);
      expect(await shown()).toEqual(["1.1.0", "1.1.0", "# 1.1.0", ["1.1.0"]]);
    });

    test("that is copied counts by its own time, also where it comes before its version", async () => {
      const version = versionOf("2.0.0");
      const mark = { ...yank("elsewhere"), atMs: 5 };
      const push = (text: string, said: YankMark) =>
        metadata.putManifest(manifestOf(text, { subject: version.digest, mark: said }), by);
      await push("a", mark);
      await push("a", mark);
      await metadata.putManifest(version, by);
      expect((await metadata.package(name))?.version).toBe("1.1.0");
      await push("b", { ...unyank, atMs: 7 });
      await push("c", { ...yank("older"), atMs: 6 });
      expect((await metadata.package(name))?.version).toBe("2.0.0");
      expect(await versionsOf()).toContainEqual(["2.0.0", undefined]);
      expect(await recorded()).toEqual([
        "version.yank",
        "version.unyank",
        "manifest.push",
        "version.yank",
        "manifest.push",
        "manifest.push",
      ]);
    });

    test("is never removed, and is of a version that is there", async () => {
      const { digest } = await metadata.markVersion(name, "1.1.0", yank("one"), by);
      const [mark] = (await metadata.referrers(name, digest, "", 10_000)).referrers;
      const inUse = { code: "registry-server/in-use" };
      await expect(metadata.removeManifest(name, mark?.digest ?? digest, by)).rejects.toMatchObject(inUse);
      const unknown = { code: "registry-server/package-unknown" };
      await expect(metadata.markVersion(name, "3.0.0", yank("one"), by)).rejects.toMatchObject(unknown);
      await expect(metadata.markVersion("acme/none", "1.0.0", yank("one"), by)).rejects.toMatchObject(unknown);
    });

    test("is told to readers of the feed when it changes what holds of a version", async () => {
      const { next } = await feed.read(everything, 0, 100);
      const version = (await metadata.publishedDigest(name, "1.1.0")) as Digest;
      await metadata.markVersion(name, "1.1.0", yank("one"), by);
      const older = { ...yank("older"), atMs: 5 };
      await metadata.putManifest(manifestOf("older", { subject: version, mark: older }), by);
      await metadata.markVersion(name, "1.1.0", unyank, by);
      const { changes } = await feed.read(everything, next, 100);
      expect(
        changes.filter(({ kind }) => kind.startsWith("version.")).map(({ kind, detail }) => [kind, detail]),
      ).toEqual([
        ["version.yanked", { version: "1.1.0", digest: version, reason: "one" }],
        ["version.unyanked", { version: "1.1.0", digest: version }],
      ]);
      // A copy needs every mark.
      expect(changes.filter(({ kind }) => kind === "manifest.pushed")).toHaveLength(3);
    });

    test("said by many at once is said once", async () => {
      const all = Array.from({ length: 8 }, () => metadata.markVersion(name, "1.1.0", yank("one"), by));
      expect(new Set((await Promise.all(all)).map(({ yanked }) => yanked?.at)).size).toBe(1);
      expect((await recorded()).filter((action) => action === "version.yank")).toHaveLength(1);
    });
  });

  test("a deprecation is of a version or of all, the version's own first, and leaves a record when it changes", async () => {
    for (const version of ["1.0.0", "1.1.0"]) await metadata.putManifest(versionOf(version), by);
    const noticesOf = async () => {
      const found = await metadata.package(name);
      return [found?.deprecated, ...(found?.versions ?? []).map(({ deprecated }) => deprecated)];
    };
    const [old, gone] = [{ message: "Old." }, { message: "Gone.", successor: "acme/site" }];
    expect(await metadata.deprecate(name, "1.0.0", old, by)).toBe(true);
    expect(await metadata.deprecate(name, "1.0.0", old, by)).toBe(false);
    expect(await noticesOf()).toEqual([undefined, undefined, old]);
    expect(await metadata.deprecate(name, undefined, gone, by)).toBe(true);
    expect(await noticesOf()).toEqual([gone, gone, old]);
    expect(await metadata.deprecate(name, undefined, { ...gone, successor: "acme/other" }, by)).toBe(true);
    expect(await metadata.deprecate(name, "1.0.0", undefined, by)).toBe(true);
    expect(await metadata.deprecate(name, "1.0.0", undefined, by)).toBe(false);
    expect(await metadata.deprecate(name, undefined, undefined, by)).toBe(true);
    expect(await noticesOf()).toEqual([undefined, undefined, undefined]);
    const unknown = { code: "registry-server/package-unknown" };
    await expect(metadata.deprecate("acme/none", undefined, old, by)).rejects.toMatchObject(unknown);
    await expect(metadata.deprecate(name, "3.0.0", old, by)).rejects.toMatchObject(unknown);
    expect((await recorded()).slice(0, 5)).toEqual([
      "package.undeprecate",
      "package.undeprecate",
      "package.deprecate",
      "package.deprecate",
      "package.deprecate",
    ]);
  });
}
