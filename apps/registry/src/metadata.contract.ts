import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { createAccounts } from "./access/accounts.ts";
import type { Accounts } from "./access/accounts.ts";
import type { Visibility } from "./access/rights.ts";
import { noFilters } from "./metadata.ts";
import type { Metadata, NewManifest, SearchFilters, VerifiedPackage } from "./metadata.ts";
import { SqlMetadata } from "./metadata/sql-metadata.ts";
import { SqlUploadRecords } from "./objects/sql-upload-records.ts";
import type { DatabaseKind } from "./testing/database-under-test.ts";
import { manifestOf, packageName as name, versionOf } from "./testing/new-manifests.ts";

const by = { actor: "olga", requestId: "r1" };
const everything: Visibility = { namespaces: "all", patterns: [] };
const onlyPublic: Visibility = { namespaces: [], patterns: [] };
const blobOf = (text: string): Digest => digestOf(encodeUtf8(text));

/** What the metadata promise on every database. */
export function testMetadata({ name: database, open }: DatabaseKind): void {
  describe(`the contract of the metadata, by ${database}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  let metadata: Metadata;
  let accounts: Accounts;
  let uploads: SqlUploadRecords;
  let now = 1_767_000_000_000;

  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  beforeEach(async () => {
    const { database, dispose } = await open();
    opened.push(dispose);
    now = 1_767_000_000_000;
    metadata = new SqlMetadata(database, () => now++);
    uploads = new SqlUploadRecords(database);
    accounts = createAccounts(database, () => now);
  });

  async function addBlob(text: string, repository = name): Promise<Digest> {
    const digest = blobOf(text);
    const id = crypto.randomUUID();
    await begin(id, "olga", repository);
    await metadata.finishUpload(repository, digest, { id, object: `o-${id}`, sizeBytes: text.length, version: 0 });
    return digest;
  }
  const begin = (id: string, actor: string, repository = name): Promise<void> =>
    uploads.create({
      id,
      repository,
      actor,
      algorithm: "sha256",
      sizeBytes: 0,
      state: {},
      version: 0,
      leasedUntilMs: 0,
      activeAtMs: now++,
    });
  const sizeOf = async (repository: string, digest: Digest) => (await metadata.blob(repository, digest))?.sizeBytes;
  const recorded = async () =>
    (await accounts.audit.entries(undefined, Number.MAX_SAFE_INTEGER, 100)).map((entry) => entry.action);

  test("an upload is counted until it becomes a blob, whose bytes are in the object that it brought", async () => {
    await begin("u1", "olga");
    await begin("u2", "olga");
    expect(await metadata.openUploads("olga", 0)).toBe(2);
    expect(await metadata.openUploads("olga", now)).toBe(0);
    expect(await metadata.openUploads("otto", 0)).toBe(0);
    await metadata.finishUpload(name, blobOf("x"), { id: "u1", object: "one", sizeBytes: 1, version: 0 });
    expect(await metadata.allOpenUploads()).toBe(1);
    expect(await metadata.blob(name, blobOf("x"))).toEqual({ sizeBytes: 1, object: "one", damaged: false });
    await metadata.finishUpload(name, blobOf("x"), { id: "u2", object: "two", sizeBytes: 1, version: undefined });
    expect(await metadata.blob(name, blobOf("x"))).toEqual({ sizeBytes: 1, object: "two", damaged: false });
    expect(await metadata.allOpenUploads()).toBe(0);
  });

  test("an upload that was taken over, or is gone, becomes no blob", async () => {
    await begin("u1", "olga");
    await uploads.claim("u1", 0, now);
    const finished = { id: "u1", object: "one", sizeBytes: 1, version: 0 };
    for (const id of ["u1", "u2"])
      await expect(metadata.finishUpload(name, blobOf("x"), { ...finished, id })).rejects.toMatchObject({
        code: "registry-server/upload-range",
      });
    expect(await metadata.blob(name, blobOf("x"))).toBeUndefined();
    expect(await metadata.allOpenUploads()).toBe(1);
  });

  test("a blob is shown where it was pushed or mounted, and to nobody who may not have it", async () => {
    const digest = await addBlob("x");
    expect(await sizeOf("acme/db", digest)).toBeUndefined();
    expect(await metadata.mountBlob("acme/none", "acme/db", digest)).toBe(false);
    expect(await metadata.mountBlob(name, "acme/db", blobOf("other"))).toBe(false);
    expect(await metadata.mountBlob(name, "acme/db", digest)).toBe(true);
    expect(await metadata.mountBlob(name, "acme/db", digest)).toBe(true);
    expect(await sizeOf("acme/db", digest)).toBe(1);
    await accounts.namespaces.add("hidden", true, undefined, by);
    const secret = await addBlob("secret", "hidden/app");
    expect(await metadata.mountBlob(undefined, name, secret)).toBe(false);
    expect(await metadata.mountBlob(undefined, "lab/app", digest)).toBe(true);
    expect(await metadata.unlinkBlob(name, digest, by)).toBe(true);
    expect(await metadata.unlinkBlob(name, digest, by)).toBe(false);
    expect(await sizeOf(name, digest)).toBeUndefined();
    expect(await sizeOf("acme/db", digest)).toBe(1);
    expect(await recorded()).toEqual(["blob.delete", "namespace.add"]);
  });

  test("the same blob from many at once is one blob", async () => {
    const repositories = Array.from({ length: 16 }, (_, index) => `acme/r${index % 4}`);
    await Promise.all(repositories.map((repository) => addBlob("same", repository)));
    for (const repository of repositories) expect(await sizeOf(repository, blobOf("same"))).toBe(4);
    expect(await metadata.repositories(everything, "", 10)).toEqual(["acme/r0", "acme/r1", "acme/r2", "acme/r3"]);
  });

  test("a manifest is stored with all that it needs, or not at all", async () => {
    const digest = await addBlob("layer");
    const absent = blobOf("absent");
    const contents = [digest, absent, digest];
    expect(await metadata.missing(name, contents)).toEqual([absent]);
    expect(await metadata.missing("acme/none", contents)).toEqual(contents);
    expect(await metadata.missing(name, [])).toEqual([]);
    const incomplete = manifestOf("a", { contents, tags: ["latest"] });
    await expect(metadata.putManifest(incomplete, by)).rejects.toMatchObject({ code: "store/incomplete" });
    expect(await metadata.tags(name, "", 10)).toEqual([]);
    const whole = manifestOf("a", { contents: [digest, digest], tags: ["latest", "v1", "latest"] });
    await metadata.putManifest(whole, by);
    const stored = { digest: whole.digest, mediaType: whole.mediaType };
    for (const found of [
      await metadata.manifestByDigest(name, whole.digest),
      await metadata.manifestByTag(name, "latest"),
      await metadata.manifestByTag(name, "v1"),
    ]) {
      expect(found).toMatchObject(stored);
      expect(new Uint8Array(found?.bytes ?? [])).toEqual(new Uint8Array(whole.bytes));
    }
    expect(await metadata.manifestByDigest("acme/db", whole.digest)).toBeUndefined();
    expect(await metadata.manifestByTag(name, "v2")).toBeUndefined();
    expect(await metadata.missing(name, [whole.digest])).toEqual([]);
    expect(await recorded()).toEqual(["manifest.push"]);
  });

  test("a push that changes nothing leaves no record, and one that moves a tag names it", async () => {
    const first = manifestOf("a", { tags: ["x", "y"] });
    await metadata.putManifest(first, by);
    await metadata.putManifest(first, by);
    expect(await recorded()).toEqual(["manifest.push"]);
    const second = manifestOf("b", { tags: ["y"] });
    await metadata.putManifest(second, by);
    await metadata.putManifest({ ...first, tags: ["x", "y"] }, by);
    const [entry] = await accounts.audit.entries("acme", Number.MAX_SAFE_INTEGER, 1);
    expect(entry).toMatchObject({ ...by, action: "manifest.push", subject: name, detail: { tags: ["y"] } });
    expect((await metadata.manifestByTag(name, "y"))?.digest).toBe(first.digest);
  });

  test("what something needs is not deleted", async () => {
    const digest = await addBlob("layer");
    const child = manifestOf("child", { contents: [digest] });
    await metadata.putManifest(child, by);
    const parent = manifestOf("parent", { contents: [child.digest], tags: ["p"] });
    await metadata.putManifest(parent, by);
    const inUse = { code: "registry-server/in-use" };
    await expect(metadata.unlinkBlob(name, digest, by)).rejects.toMatchObject(inUse);
    await expect(metadata.removeManifest(name, child.digest, by)).rejects.toMatchObject(inUse);
    expect(await metadata.removeManifest(name, parent.digest, by)).toBe(true);
    expect(await metadata.removeManifest(name, parent.digest, by)).toBe(false);
    expect(await metadata.manifestByTag(name, "p")).toBeUndefined();
    expect(await metadata.removeManifest(name, child.digest, by)).toBe(true);
    expect(await metadata.unlinkBlob(name, digest, by)).toBe(true);
  });

  test("a published version never changes and is never deleted", async () => {
    const first = versionOf("1.0.0+build");
    await metadata.putManifest(first, by);
    await metadata.putManifest(first, by);
    expect(await metadata.publishedDigest(name, "1.0.0+build")).toBe(first.digest);
    const other = versionOf("1.0.0+build", { description: "Something else." });
    const exists = { code: "registry-server/version-exists" };
    await expect(metadata.putManifest(other, by)).rejects.toMatchObject(exists);
    const plain = manifestOf("no package", { tags: ["latest", "1.0.0_build"] });
    await expect(metadata.putManifest(plain, by)).rejects.toMatchObject(exists);
    expect(await metadata.manifestByTag(name, "latest")).toBeUndefined();
    const inUse = { code: "registry-server/in-use" };
    await expect(metadata.removeTag(name, "1.0.0_build", by)).rejects.toMatchObject(inUse);
    await expect(metadata.removeManifest(name, first.digest, by)).rejects.toMatchObject(inUse);
    await metadata.putManifest(manifestOf("plain", { tags: ["latest"] }), by);
    expect(await metadata.removeTag(name, "latest", by)).toBe(true);
    expect(await metadata.removeTag(name, "latest", by)).toBe(false);
    expect(await metadata.verifiedPackage(name, first.digest)).toEqual(first.package as VerifiedPackage);
  });

  test("of several who publish one version at once with other bytes, one does", async () => {
    const rivals = Array.from({ length: 8 }, (_, index) => versionOf("1.0.0", { description: `by ${index}` }));
    const outcomes = await Promise.allSettled(rivals.map((rival) => metadata.putManifest(rival, by)));
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    const winner = rivals[outcomes.findIndex((outcome) => outcome.status === "fulfilled")];
    expect(await metadata.publishedDigest(name, "1.0.0")).toBe(winner?.digest as Digest);
    expect((await metadata.manifestByTag(name, "1.0.0"))?.digest).toBe(winner?.digest as Digest);
    expect((await metadata.package(name))?.versions).toHaveLength(1);
  });

  test("tags and repositories are listed in the order of their bytes, page by page", async () => {
    const tags = ["b", "B", "_a", "1", "a.1", "a-1", "a1", "latest"];
    await metadata.putManifest(manifestOf("a", { tags }), by);
    const sorted = tags.toSorted((left, right) => (left < right ? -1 : 1));
    const pages: string[] = [];
    for (let last = ""; ; last = pages.at(-1) ?? "") {
      const page = await metadata.tags(name, last, 3);
      if (page.length === 0) break;
      pages.push(...page);
    }
    expect(pages).toEqual(sorted);
    expect(await metadata.tags("acme/none", "", 10)).toEqual([]);
    expect(await metadata.hasRepository(name)).toBe(true);
    expect(await metadata.hasRepository("acme/none")).toBe(false);
  });

  test("lists show what is public, and of what is private only what is named", async () => {
    await accounts.namespaces.add("hidden", true, undefined, by);
    for (const repository of ["hidden/app_one", "hidden/app-two", "hidden/appXone", "open/a"])
      await addBlob("x", repository.toLowerCase());
    const listed = (visible: Visibility) => metadata.repositories(visible, "", 10);
    expect(await listed(onlyPublic)).toEqual(["open/a"]);
    expect(await listed(everything)).toEqual(["hidden/app-two", "hidden/app_one", "hidden/appxone", "open/a"]);
    expect(await listed({ namespaces: ["other", "hidden"], patterns: [] })).toHaveLength(4);
    expect(await listed({ namespaces: ["other"], patterns: [] })).toEqual(["open/a"]);
    // An underscore is itself, and no wildcard.
    expect(await listed({ namespaces: "all", patterns: ["none/*", "*/app_o*"] })).toEqual(["hidden/app_one", "open/a"]);
    expect(await listed({ namespaces: ["hidden"], patterns: ["hidden/app-two"] })).toEqual([
      "hidden/app-two",
      "open/a",
    ]);
  });

  test("referrers come in pages of so many bytes, and at least one", async () => {
    const subject = blobOf("subject");
    const referrers = ["a", "b", "c", "d"].map((text) => manifestOf(text, { subject, artifactType: "application/x" }));
    for (const referrer of referrers) await metadata.putManifest(referrer, by);
    await metadata.putManifest(manifestOf("other", { subject: blobOf("another") }), by);
    const size = referrers[0]?.bytes.length ?? 0;
    for (const [maxBytes, perPage] of [
      [1, 1],
      [2 * size, 2],
      [3 * size + 1, 3],
      [100 * size, 4],
    ] as const) {
      const found: Digest[] = [];
      const counts: number[] = [];
      for (let last: Digest | undefined, turn = 0; turn === 0 || last !== undefined; turn++) {
        const page = await metadata.referrers(name, subject, last ?? "", maxBytes);
        found.push(...page.referrers.map((entry) => entry.digest));
        counts.push(page.referrers.length);
        last = page.next;
      }
      expect(counts[0]).toBe(perPage);
      expect(found).toEqual(referrers.map((entry) => entry.digest).toSorted());
    }
    expect(await metadata.referrers("acme/none", subject, "", 1000)).toEqual({ referrers: [] });
  });

  test("a package is described by its newest version", async () => {
    for (const [version, description] of [
      ["1.0.0", "one"],
      ["2.0.0-rc.1", "candidate"],
      ["1.0.1", "patch"],
    ] as const)
      await metadata.putManifest(versionOf(version, { description, readme: `# ${description}` }), by);
    const found = await metadata.package(name);
    expect(found).toMatchObject({
      name,
      version: "1.0.1",
      description: "patch",
      readme: "# patch",
      keywords: ["http"],
    });
    expect(found?.versions.map(({ version }) => version)).toEqual(["2.0.0-rc.1", "1.0.1", "1.0.0"]);
    expect(await metadata.package("acme/none")).toBeUndefined();
  });

  test("search finds words and beginnings of words, the exact name first, and only what may be shown", async () => {
    await accounts.namespaces.add("hidden", true, undefined, by);
    for (const [of, description, keywords] of [
      ["rise/wordcount", "Count words in text files.", ["text"]],
      ["rise/extra", "wordcount wordcount wordcount", ["wordcount"]],
      ["hidden/wordcount", "Count in secret.", []],
      ["lab/météo", "Prévisions météo", []],
    ] as const)
      await metadata.putManifest(versionOf("1.0.0", { description, keywords }, of), by);
    const found = async (query: string, visible: Visibility = onlyPublic, limit = 10, offset = 0) => {
      const { total, results } = await metadata.search({ text: query, filters: noFilters }, visible, limit, offset);
      return [total, results.map((row) => row.name)] as const;
    };
    expect(await found("wordcount")).toEqual([2, ["rise/wordcount", "rise/extra"]]);
    expect((await found("wordcount", everything))[0]).toBe(3);
    expect(await found("wordcount", onlyPublic, 1, 1)).toEqual([2, ["rise/extra"]]);
    expect(await found("COUNTING wor")).toEqual([1, ["rise/wordcount"]]);
    expect(await found("text absent")).toEqual([0, []]);
    expect(await found("meteo")).toEqual([1, ["lab/météo"]]);
    expect(await found("***")).toEqual([0, []]);
    expect(await found(`"' OR 1=1 -- & | ! :* ( )`)).toEqual([0, []]);
    expect(await found("")).toEqual([3, ["lab/météo", "rise/extra", "rise/wordcount"]]);
    for (const [visible, total] of [
      [everything, 4],
      [{ namespaces: ["hidden"], patterns: [] }, 4],
      [{ namespaces: ["hidden"], patterns: ["hidden/word*"] }, 4],
      [{ namespaces: ["hidden"], patterns: ["hidden/other"] }, 3],
    ] as const)
      expect(await found("", visible, 1, 1)).toEqual([total, [expect.any(String)]]);
    const within = async (namespace: string, visible: Visibility, limit = 10, offset = 0) => {
      const { total, results } = await metadata.namespacePackages(namespace, visible, limit, offset);
      return [total, results.map((row) => row.name)] as const;
    };
    expect(await within("rise", onlyPublic)).toEqual([2, ["rise/extra", "rise/wordcount"]]);
    expect(await within("rise", onlyPublic, 1, 1)).toEqual([2, ["rise/wordcount"]]);
    expect(await within("hidden", onlyPublic)).toEqual([0, []]);
    expect(await within("hidden", everything)).toEqual([1, ["hidden/wordcount"]]);
    expect(await within("ris", everything)).toEqual([0, []]);
  });

  test("of packages that fit as well the one that is used more comes first, and of all when nothing is asked", async () => {
    const named = (of: string) => versionOf("1.0.0", { description: "Counts.", keywords: [] }, of);
    const manifests = ["lab/a", "lab/b", "lab/count", "lab/c"].map(named);
    for (const manifest of manifests) await metadata.putManifest(manifest, by);
    const use = (index: number, count: number) => {
      const { repository = "", digest = blobOf("none") } = manifests[index] ?? {};
      return { repository, digest, count };
    };
    await metadata.addDownloads([use(1, 2), use(3, 9)]);
    const found = async (text: string) => {
      const { results } = await metadata.search({ text, filters: noFilters }, onlyPublic, 10, 0);
      return results.map((row) => row.name);
    };
    expect(await found("counts")).toEqual(["lab/count", "lab/c", "lab/b", "lab/a"]);
    expect(await found("count")).toEqual(["lab/count", "lab/c", "lab/b", "lab/a"]);
    expect(await found("")).toEqual(["lab/c", "lab/b", "lab/a", "lab/count"]);
    expect(await found("lab/a")).toEqual(["lab/a"]);
  });

  test("search is narrowed by keyword, owner, executor type and platform of the newest version, by all of them", async () => {
    for (const user of ["olga", "otto"])
      await accounts.users.add({ name: user, admin: false, passwordHash: undefined }, by);
    await accounts.namespaces.add("rise", false, "olga", by);
    await accounts.namespaces.setMember("rise", "otto", "member", by);
    await accounts.namespaces.add("hidden", true, "olga", by);
    const manifest = (executors: readonly string[], ...platforms: readonly string[]) =>
      JSON.stringify({
        requires: { executors: executors.map((type) => ({ type })) },
        payload: [{ include: ["a"] }, ...platforms.map((platform) => ({ include: ["b"], platform }))],
      });
    for (const [of, version, keywords, document] of [
      ["rise/one", "1.0.0", ["old"], manifest(["old-executor"], "linux/386")],
      ["rise/one", "2.0.0", ["text", "batch"], manifest(["slurm", "local"], "linux/amd64", "linux/arm64")],
      ["rise/one", "1.0.1", ["older"], manifest([])],
      ["rise/two", "1.0.0", ["text"], manifest(["local"])],
      ["lab/three", "1.0.0", ["text"], "{}"],
      ["hidden/four", "1.0.0", ["text"], manifest(["local"])],
    ] as const)
      await metadata.putManifest(versionOf(version, { keywords, manifest: document }, of), by);
    const found = async (filters: Partial<SearchFilters>, text = "", visible = onlyPublic) => {
      const query = { text, filters: { ...noFilters, ...filters } };
      const { total, results } = await metadata.search(query, visible, 10, 0);
      expect(total).toBe(results.length);
      return results.map((row) => row.name).toSorted();
    };
    expect(await found({ keywords: ["text"] })).toEqual(["lab/three", "rise/one", "rise/two"]);
    expect(await found({ keywords: ["text"] }, "", everything)).toHaveLength(4);
    expect(await found({ keywords: ["text", "batch"] })).toEqual(["rise/one"]);
    expect(await found({ keywords: ["old"] })).toEqual([]);
    expect(await found({ executors: ["local"] })).toEqual(["rise/one", "rise/two"]);
    expect(await found({ executors: ["local", "slurm"] }, "serves pages")).toEqual(["rise/one"]);
    expect(await found({ executors: ["old-executor"] })).toEqual([]);
    // What has no files for single platforms runs on all of them.
    expect(await found({ platforms: ["linux/arm64"] })).toEqual(["lab/three", "rise/one", "rise/two"]);
    expect(await found({ platforms: ["linux/386"] })).toEqual(["lab/three", "rise/two"]);
    expect(await found({ owners: ["olga"] })).toEqual(["rise/one", "rise/two"]);
    expect(await found({ owners: ["olga"] }, "", everything)).toEqual(["hidden/four", "rise/one", "rise/two"]);
    expect(await found({ owners: ["otto"] })).toEqual([]);
    expect(await found({ owners: ["lab"], keywords: ["text"], platforms: ["linux/386"] })).toEqual(["lab/three"]);
    expect(await found({ keywords: ["text"] }, "three")).toEqual(["lab/three"]);
  });

  test("downloads of all who count add up, of versions only, and are recent for ninety days", async () => {
    const dayMs = 86_400_000;
    const [one, two] = [versionOf("1.0.0"), versionOf("2.0.0")];
    const other = versionOf("1.0.0", {}, "acme/db");
    for (const manifest of [one, two, other]) await metadata.putManifest(manifest, by);
    const fetched = (manifest: NewManifest, count: number) => {
      const { repository, digest } = manifest;
      return { repository, digest, count };
    };
    await Promise.all([
      metadata.addDownloads([fetched(one, 2), fetched(two, 3), fetched(other, 1)]),
      metadata.addDownloads([fetched(one, 5), { repository: name, digest: blobOf("none"), count: 9 }]),
    ]);
    const counted = async (of: string) => {
      const found = await metadata.package(of);
      return [found?.downloads, found?.versions.map(({ version, downloads }) => `${version}: ${downloads}`)];
    };
    expect(await counted(name)).toEqual([{ total: 10, last90Days: 10 }, ["2.0.0: 3", "1.0.0: 7"]]);
    expect(await counted("acme/db")).toEqual([{ total: 1, last90Days: 1 }, ["1.0.0: 1"]]);
    now += 89 * dayMs;
    await metadata.addDownloads([fetched(two, 1)]);
    expect(await counted(name)).toEqual([{ total: 11, last90Days: 11 }, ["2.0.0: 4", "1.0.0: 7"]]);
    now += dayMs;
    await Promise.all([metadata.addDownloads([fetched(two, 1)]), metadata.addDownloads([])]);
    expect(await counted(name)).toEqual([{ total: 12, last90Days: 2 }, ["2.0.0: 5", "1.0.0: 7"]]);
    expect(await counted("acme/db")).toEqual([{ total: 1, last90Days: 0 }, ["1.0.0: 1"]]);
  });
}
