import { afterAll, describe, expect, test } from "bun:test";
import {
  codesOf,
  emptyConfigBytes,
  imageOf,
  openRegistryUnderTest,
  openRegistryWithUsers,
  packageArtifact,
} from "../testing/index.ts";
import type { RegistryUnderTest } from "../testing/index.ts";

const by = { actor: "test", requestId: "test" };

async function publish({ pushBlob, pushManifest }: RegistryUnderTest, name: string, ...references: readonly string[]) {
  const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0" });
  for (const bytes of blobs.values()) await pushBlob(name, bytes);
  return pushManifest(name, manifest, ...references);
}

describe("the feed of changes", () => {
  const opening = openRegistryUnderTest({ limits: { maxWaiting: 3 } });
  afterAll(async () => (await opening).dispose());
  const get = async (query: string) => (await opening).call("GET", `/api/v1/changes?${query}`);
  const read = async (query: string) => (await get(query)).json();

  test("tells of versions, manifests and tags, each once, in pages", async () => {
    const registry = await opening;
    const version = await publish(registry, "rise/tool", "1.0.0", "latest", "latest");
    await registry.pushBlob("rise/tool", emptyConfigBytes);
    const { digest } = version.descriptor;
    const signature = await registry.pushManifest("rise/tool", imageOf({ subject: version.descriptor }));
    await registry.pushManifest("rise/tool", imageOf({ annotations: { a: "b" } }), "other");
    await registry.call("DELETE", "/v2/rise/tool/manifests/latest");
    await registry.call("DELETE", `/v2/rise/tool/manifests/${signature.descriptor.digest}`);
    const { changes, next, more } = await read("after=0");
    expect(changes).toMatchObject([
      { place: "1", kind: "version.published", name: "rise/tool", version: "1.0.0", digest },
      { place: "2", kind: "tag.set", name: "rise/tool", tag: "latest", digest },
      { place: "3", kind: "manifest.pushed", digest: signature.descriptor.digest, subject: digest },
      { place: "4", kind: "manifest.pushed" },
      { place: "5", kind: "tag.set", tag: "other" },
      { place: "6", kind: "tag.deleted", name: "rise/tool", tag: "latest" },
      { place: "7", kind: "manifest.deleted", digest: signature.descriptor.digest },
    ]);
    expect(Date.parse(changes[0].at)).toBeGreaterThan(0);
    expect([next, more]).toEqual(["7", false]);
    expect(await read("after=2&limit=2")).toMatchObject({
      changes: [{ place: "3" }, { place: "4" }],
      next: "4",
      more: true,
    });
    expect(await read("after=latest")).toEqual({ changes: [], next: "7", more: false });
    expect(await read("after=7")).toEqual({ changes: [], next: "7", more: false });
  });

  test("keeps an answer back until there is something, and wakes all who wait", async () => {
    const registry = await opening;
    const { next } = await read("after=latest");
    const waiting = [1, 2, 3].map(() => get(`after=${next}&wait=60`));
    // They are asked before: each waits by the time that the version is there.
    await publish(registry, "rise/other", "1.0.0");
    for (const answer of await Promise.all(waiting))
      expect((await answer.json()).changes).toMatchObject([{ kind: "version.published", name: "rise/other" }]);
  });

  test("lets only so many wait, and nobody any more when the registry stops", async () => {
    const registry = await opening;
    const { next } = await read("after=latest");
    const waiting = [1, 2, 3].map(() => get(`after=${next}&wait=60`));
    await Promise.all([1, 2, 3].map(() => read(`after=${next}`)));
    const refused = await get(`after=${next}&wait=60`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect((await codesOf(refused)).own).toBe("registry-server/too-many-waiting");
    registry.drain();
    for (const answer of await Promise.all(waiting))
      expect(await answer.json()).toEqual({ changes: [], next, more: false });
    expect(await read(`after=${next}&wait=60`)).toEqual({ changes: [], next, more: false });
  });

  test.each([
    ["after=x", 400, "registry-server/bad-query"],
    ["wait=61", 400, "registry-server/bad-query"],
    ["limit=-1", 400, "registry-server/bad-query"],
    ["since=1", 400, "registry-server/bad-query"],
    ["after=999999", 410, "registry-server/cursor-gone"],
  ])("refuses %s", async (query, status, code) => {
    const answer = await get(query);
    expect([answer.status, (await codesOf(answer)).own]).toEqual([status, code]);
  });
});

test("changes of what is private are seen by who may pull it, and by nobody else", async () => {
  const registry = await openRegistryWithUsers();
  const [olga, otto] = [await registry.addUser("olga"), await registry.addUser("otto")];
  const { namespaces } = registry.accounts;
  await namespaces.add("acme", false, "olga", by);
  await namespaces.add("shut", true, "olga", by);
  const push = { headers: { "content-type": "application/vnd.oci.image.index.v1+json" } };
  for (const name of ["acme/a", "shut/b"]) {
    const body = JSON.stringify({ schemaVersion: 2, mediaType: push.headers["content-type"], manifests: [] });
    expect((await registry.asUser(olga, "PUT", `/v2/${name}/manifests/v1`, { ...push, body })).status).toBe(201);
  }
  const names = async (answer: Response) => (await answer.json()).changes.map(({ name }: { name: string }) => name);
  const path = "/api/v1/changes?after=0&wait=1";
  expect(await names(await registry.asUser(olga, "GET", path))).toEqual(["acme/a", "acme/a", "shut/b", "shut/b"]);
  for (const answer of [await registry.asUser(otto, "GET", path), await registry.call("GET", path)])
    expect(await names(answer)).toEqual(["acme/a", "acme/a"]);
  const narrow = await registry.addToken("olga", { patterns: ["shut/c*"] });
  expect(await names(await registry.asUser(narrow, "GET", path))).toEqual(["acme/a", "acme/a"]);
  // Who waits sees what another process shows meanwhile.
  const waiting = registry.asUser(otto, "GET", "/api/v1/changes?after=4&wait=60");
  await namespaces.setPrivate("shut", false, by);
  expect(await names(await waiting)).toEqual(["shut"]);
  await registry.dispose();
});
