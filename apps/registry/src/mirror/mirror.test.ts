import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { packageMediaTypes } from "@cpm/model";
import { formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import type { Fetch } from "@cpm/registry-client";
import { digestOf } from "@cpm/store";
import type { RegistryOptions } from "../registry-options.ts";
import {
  codesOf,
  emptyConfigBytes,
  imageOf,
  openRegistryUnderTest,
  openRegistryWithUsers,
  packageArtifact,
} from "../testing/index.ts";
import type { RegistryUnderTest } from "../testing/index.ts";
import type { MirrorOptions } from "./mirrors.ts";
import { parseMirrorRule } from "./mirror-rule.ts";

const name = "acme/web";
const layer = encodeUtf8("the bytes of a layer");
const layerDigest = digestOf(layer);

/** The registry that is mirrored, as the network shows it. */
let upstream: RegistryUnderTest;
/** What it was asked for: `GET /v2/…`. */
const asked: string[] = [];
/** In place of what it would answer. */
let fault:
  | ((
      method: string,
      path: string,
      headers: Readonly<Record<string, string>>,
    ) => Response | undefined | Promise<Response | undefined>)
  | undefined;
let image: Descriptor;
let now = 1_767_000_000_000;
const opened: RegistryUnderTest[] = [];

const fromUpstream: Fetch = async (url, { method = "GET", headers }) => {
  const { pathname, search } = new URL(url);
  const sent = headers as Record<string, string>;
  asked.push(`${method} ${pathname}`);
  const instead = await fault?.(method, pathname, sent);
  return instead ?? upstream.call(method, `${pathname}${search}`, { headers: sent });
};

function mirrorOptions(options: Partial<MirrorOptions> = {}): MirrorOptions {
  return {
    rules: [parseMirrorRule("acme=http://upstream.test")],
    fetch: fromUpstream,
    clientLimits: { attempts: 1 },
    ...options,
  };
}

async function openMirror(options: Partial<MirrorOptions> = {}, more: Partial<RegistryOptions> = {}) {
  const registry = await openRegistryUnderTest({ mirrors: mirrorOptions(options), now: () => now, ...more });
  opened.push(registry);
  return registry;
}

beforeAll(async () => {
  upstream = await openRegistryUnderTest();
  opened.push(upstream);
  const config = await upstream.pushBlob(name, emptyConfigBytes);
  const { descriptor } = await upstream.pushManifest(
    name,
    imageOf({ config: { ...config, mediaType: mediaTypes.empty }, layers: [await upstream.pushBlob(name, layer)] }),
    "one",
    "two",
  );
  image = descriptor;
});
afterAll(async () => {
  for (const registry of opened) await registry.dispose();
});
beforeEach(() => {
  asked.length = 0;
  fault = undefined;
});

describe("a mirror", () => {
  test("answers tags, manifests and blobs of its upstream, and asks for nothing twice that has a digest", async () => {
    const { call } = await openMirror();
    for (let turn = 0; turn < 3; turn++) {
      const manifest = await call("GET", `/v2/${name}/manifests/one`);
      expect([manifest.status, manifest.headers.get("content-type")]).toEqual([200, mediaTypes.manifest]);
      expect(manifest.headers.get("docker-content-digest")).toBe(image.digest);
      expect(digestOf(await manifest.bytes())).toBe(image.digest);
      expect((await call("GET", `/v2/${name}/manifests/${image.digest}`)).status).toBe(200);
      const blob = await call("GET", `/v2/${name}/blobs/${layerDigest}`);
      expect(await blob.bytes()).toEqual(layer);
      await settled();
    }
    expect(asked).toEqual([
      `HEAD /v2/${name}/manifests/one`,
      `GET /v2/${name}/manifests/${image.digest}`,
      `HEAD /v2/${name}/blobs/${layerDigest}`,
      `GET /v2/${name}/blobs/${layerDigest}`,
    ]);
    const tags = await call("GET", `/v2/${name}/tags/list?n=1`);
    expect(await tags.json()).toEqual({ name, tags: ["one"] });
    expect(tags.headers.get("link")).toContain("last=one");
    expect(await (await call("GET", `/v2/${name}/tags/list?last=one`)).json()).toEqual({ name, tags: ["two"] });
  });

  test("answers a HEAD of a blob without fetching it, and a range with no more than it", async () => {
    const { call } = await openMirror();
    const head = await call("HEAD", `/v2/${name}/blobs/${layerDigest}`);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(layer.length)]);
    expect(asked).toEqual([`HEAD /v2/${name}/blobs/${layerDigest}`]);
    const range = await call("GET", `/v2/${name}/blobs/${layerDigest}`, { headers: { range: "bytes=4-8" } });
    expect([range.status, await range.text()]).toEqual([206, "bytes"]);
  });

  test("asks by itself for a range that lies far ahead of what has arrived, and ends what hangs when it closes", async () => {
    const { call, dispose } = await openRegistryUnderTest({ mirrors: mirrorOptions() });
    const sizeBytes = 200_000_000;
    fault = (method, _, { range }) => {
      if (method === "HEAD") return new Response(null, { headers: { "content-length": String(sizeBytes) } });
      // The whole of it does not get on.
      if (range === undefined) return new Response(new ReadableStream());
      expect(range).toBe("bytes=150000000-150000004");
      const headers = { "content-range": `bytes 150000000-150000004/${sizeBytes}` };
      return new Response("ahead", { status: 206, headers });
    };
    const path = `/v2/${name}/blobs/${digestOf(encodeUtf8("large"))}`;
    const response = await call("GET", path, { headers: { range: "bytes=150000000-150000004" } });
    expect([response.status, await response.text()]).toEqual([206, "ahead"]);
    await dispose();
  });

  test("knows of what is not there, and asks for it again", async () => {
    const { call } = await openMirror();
    for (const path of [
      `/v2/${name}/manifests/none`,
      `/v2/acme/nothing/tags/list`,
      `/v2/${name}/blobs/${digestOf(encodeUtf8("nothing"))}`,
    ])
      expect((await call("GET", path)).status).toBe(404);
    expect((await call("GET", `/v2/${name}/manifests/none`)).status).toBe(404);
    expect(asked.filter((entry) => entry.endsWith("/none"))).toHaveLength(2);
  });

  test("asks for a tag again when it is no longer fresh, and then follows it", async () => {
    const { call } = await openMirror({ freshMs: 60_000 });
    const tag = async () => (await call("GET", `/v2/${name}/manifests/moving`)).headers.get("docker-content-digest");
    const first = (await upstream.pushManifest(name, imageOf({ annotations: { of: "first" } }), "moving")).descriptor;
    expect(await tag()).toBe(first.digest);
    const second = (await upstream.pushManifest(name, imageOf({ annotations: { of: "second" } }), "moving")).descriptor;
    expect(await tag()).toBe(first.digest);
    now += 60_000;
    expect(await tag()).toBe(second.digest);
    await upstream.call("DELETE", `/v2/${name}/manifests/moving`);
    expect(await tag()).toBe(second.digest);
    now += 60_000;
    expect(await tag()).toBeNull();
  });

  test("lists referrers, with the filter", async () => {
    const { call } = await openMirror();
    const subject = { ...image };
    await upstream.pushManifest(name, imageOf({ subject, artifactType: "x/signature" }));
    await upstream.pushManifest(name, imageOf({ subject, artifactType: "x/provenance" }));
    const list = async (query = "") => {
      const response = await call("GET", `/v2/${name}/referrers/${image.digest}${query}`);
      return [(await response.json()).manifests.length, response.headers.get("oci-filters-applied")];
    };
    expect(await list()).toEqual([2, null]);
    expect(await list("?artifactType=x/signature")).toEqual([1, "artifactType"]);
    expect(asked).toHaveLength(1);
  });

  test("lets nothing be changed, and says whose it is", async () => {
    const { call, pushManifest } = await openMirror();
    const refused = [
      (await pushManifest(name, imageOf(), "mine")).response,
      await call("POST", `/v2/${name}/blobs/uploads/`),
      await call("DELETE", `/v2/${name}/manifests/one`),
      await call("DELETE", `/v2/${name}/blobs/${layerDigest}`),
      await call("PUT", `/api/v1/packages/${name}/versions/1.0.0/yank`, { body: "{}" }),
    ];
    for (const response of refused) {
      expect(response.status).toBe(403);
      const text = await response.text();
      expect(text).toContain("registry-server/mirror-read-only");
      expect(text).toContain("upstream.test");
    }
    expect(asked).toEqual([]);
  });
});

describe("while the upstream does not answer, a mirror", () => {
  const gone = (): Response => new Response("down", { status: 503 });

  test("answers what it has, with its age, and refuses the rest", async () => {
    const { call } = await openMirror({ freshMs: 1000 });
    await (await call("GET", `/v2/${name}/blobs/${layerDigest}`)).bytes();
    await call("GET", `/v2/${name}/manifests/one`);
    await settled();
    fault = gone;
    now += 90_000;
    const stale = await call("GET", `/v2/${name}/manifests/one`);
    expect([stale.status, stale.headers.get("age")]).toEqual([200, "90"]);
    expect(stale.headers.get("warning")).toBe('299 - "upstream.test does not answer; this is what it said 90 s ago"');
    const digest = await call("GET", `/v2/${name}/manifests/${image.digest}`);
    expect([digest.status, digest.headers.get("warning")]).toEqual([200, null]);
    expect((await call("HEAD", `/v2/${name}/blobs/${image.digest}`)).status).toBe(404);
    expect((await call("GET", `/v2/${name}/blobs/${layerDigest}`)).status).toBe(200);
    for (const path of ["manifests/two", `blobs/${digestOf(encodeUtf8("other"))}`, "tags/list"]) {
      const refused = await call("GET", `/v2/${name}/${path}`);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([504, "10"]);
      expect((await codesOf(refused)).own).toBe("registry-server/upstream-unavailable");
    }
    // It is left alone for a while.
    expect(asked.slice(-1)).toEqual([`HEAD /v2/${name}/manifests/one`]);
    fault = undefined;
    now += 10_000;
    expect((await call("GET", `/v2/${name}/manifests/two`)).status).toBe(200);
  });

  test("does not hide that it is refused there, while any nonsense only makes its answers old", async () => {
    const { call } = await openMirror({ freshMs: 1000 });
    await call("GET", `/v2/${name}/tags/list`);
    now += 2000;
    fault = () => new Response("<html>Sign in to this network</html>");
    const stale = await call("GET", `/v2/${name}/tags/list`);
    expect([stale.status, stale.headers.get("age")]).toEqual([200, "2"]);
    fault = () => new Response("no", { status: 403 });
    const refused = await call("GET", `/v2/${name}/tags/list`);
    expect([refused.status, (await codesOf(refused)).own]).toEqual([502, "registry-server/upstream-refused"]);
  });

  test("does not wait long for what it can say already, and is told later", async () => {
    const { call } = await openMirror({ freshMs: 1000 });
    const tag = async () => (await call("GET", `/v2/${name}/manifests/slow`)).headers;
    const first = (await upstream.pushManifest(name, imageOf({ annotations: { of: "slow" } }), "slow")).descriptor;
    expect((await tag()).get("docker-content-digest")).toBe(first.digest);
    const second = (await upstream.pushManifest(name, imageOf({ annotations: { of: "slower" } }), "slow")).descriptor;
    now += 2000;
    const gate = Promise.withResolvers<void>();
    fault = () => gate.promise.then(() => undefined);
    const old = await tag();
    expect([old.get("docker-content-digest"), old.get("age")]).toEqual([first.digest, "2"]);
    gate.resolve();
    while ((await tag()).get("docker-content-digest") !== second.digest) await Bun.sleep(1);
  }, 20_000);
});

describe("of an upstream that lies, a mirror passes on", () => {
  test.each([
    ["a manifest with other bytes", `manifests/`, () => new Response("{}", { headers: { "content-type": "a/b" } })],
    ["a manifest that is none", `manifests/`, () => new Response("no json")],
    ["too large a manifest", `manifests/`, () => new Response(new Uint8Array(5 * 1024 * 1024))],
    ["a list that is none", `tags/list`, () => new Response("[]")],
    [
      "tags without end",
      `tags/list`,
      () => new Response("", { headers: { link: `</v2/${name}/tags/list>; rel="next"` } }),
    ],
  ] as const)("nothing: %s", async (_, part, answer) => {
    const { call } = await openMirror();
    fault = (method, path) => (method === "GET" && path.includes(part) ? answer() : undefined);
    const response = await call("GET", `/v2/${name}/${part === "tags/list" ? part : "manifests/one"}`);
    expect([response.status, (await codesOf(response)).own]).toEqual([502, "registry-server/upstream-failed"]);
    fault = undefined;
    expect((await call("GET", `/v2/${name}/manifests/one`)).status).toBe(200);
  });

  test.each([
    ["other bytes", () => new Response("the bytes of a LAYER")],
    ["fewer bytes", () => new Response("the bytes")],
    ["more bytes", () => new Response("the bytes of a layer and more of them")],
  ])("no blob of %s, and keeps nothing of it", async (_, answer) => {
    const { call, dataDirectory } = await openMirror();
    fault = (method, path) => (method === "GET" && path.includes("/blobs/") ? answer() : undefined);
    const got = await call("GET", `/v2/${name}/blobs/${layerDigest}`).then(async (response) =>
      response.status === 200 ? response.bytes().then(String, () => "cut off") : response.status,
    );
    expect(["cut off", 502]).toContain(got);
    await settled();
    expect(filesIn(join(dataDirectory, "mirror", "blobs"))).toEqual([]);
    fault = undefined;
    expect(await (await call("GET", `/v2/${name}/blobs/${layerDigest}`)).bytes()).toEqual(layer);
  });
});

describe("packages of a mirror", () => {
  beforeAll(async () => {
    for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1"]) {
      const fields = "dependencies: {acme/base: ^1.0.0}\n";
      const artifact = await packageArtifact({ name: "acme/tool", version, description: `As of ${version}.`, fields });
      for (const bytes of artifact.blobs.values()) await upstream.pushBlob("acme/tool", bytes);
      await upstream.pushManifest("acme/tool", artifact.manifest, version);
    }
    const yank = "/api/v1/packages/acme/tool/versions/1.0.0/yank";
    expect((await upstream.call("PUT", yank, { body: '{"reason": "Loses data."}' })).status).toBe(200);
  });

  test("are told as the upstream's index tells them", async () => {
    const { call } = await openMirror({ freshMs: 1000 });
    for (const path of ["/api/v1/packages/acme/tool", "/api/v1/packages/acme/tool/resolution"]) {
      const [there, here] = [await upstream.call("GET", path), await call("GET", path)];
      expect(await here.json()).toEqual(await there.json());
      const again = await call("GET", path, { headers: { "if-none-match": here.headers.get("etag") ?? "" } });
      expect(again.status).toBe(304);
    }
    expect(asked).toHaveLength(2);
    now += 2000;
    fault = () => new Response("down", { status: 500 });
    const stale = await call("GET", "/api/v1/packages/acme/tool/resolution");
    expect([stale.status, stale.headers.get("age")]).toEqual([200, "2"]);
    expect((await call("GET", "/api/v1/packages/acme/nothing")).status).toBe(504);
  });

  test("have their pages there, which is what is said here", async () => {
    const { call } = await openMirror();
    const page = await call("GET", "/packages/acme/tool", { headers: { accept: "text/html" } });
    expect([page.status, await page.text()]).toEqual([404, expect.stringContaining("a mirror of upstream.test")]);
  });

  test("are told from their manifests where the upstream has no index", async () => {
    const { call } = await openMirror();
    fault = (_, path) => (path.startsWith("/api/") ? new Response("404 page not found", { status: 404 }) : undefined);
    const resolution = await (await call("GET", "/api/v1/packages/acme/tool/resolution")).json();
    const indexed = await (await upstream.call("GET", "/api/v1/packages/acme/tool/resolution")).json();
    expect(resolution).toEqual({
      ...indexed,
      versions: indexed.versions.map((version: object) => ({ ...version, publishedAt: undefined })),
    });
    expect(resolution.versions.filter(({ yanked }: { yanked?: boolean }) => yanked)).toHaveLength(1);
    const detail = await (await call("GET", "/api/v1/packages/acme/tool")).json();
    expect(detail).toMatchObject({ name: "acme/tool", version: "1.1.0", description: "As of 1.1.0." });
    expect(detail.versions.map(({ version }: { version: string }) => version)).toEqual([
      "2.0.0-rc.1",
      "1.1.0",
      "1.0.0",
    ]);
    expect((await call("GET", "/api/v1/packages/acme/web")).status).toBe(404);
    const config = { ...(await upstream.pushBlob("acme/odd", encodeUtf8("{}"))), mediaType: packageMediaTypes.config };
    fault = (method, path) => {
      if (path.startsWith("/api/")) return new Response("404 page not found", { status: 404 });
      const image = formatManifest(imageOf({ config }));
      if (path.endsWith("/tags/list")) return Response.json({ tags: ["1.0.0"] });
      if (!path.includes("/manifests/")) return undefined;
      const headers = { "docker-content-digest": digestOf(image), "content-length": String(image.length) };
      return new Response(method === "HEAD" ? null : image, { headers });
    };
    const odd = await call("GET", "/api/v1/packages/acme/odd");
    expect([odd.status, (await codesOf(odd)).own]).toEqual([502, "registry-server/upstream-failed"]);
    fault = (_, path) => (path.startsWith("/api/") ? new Response("404 page not found", { status: 404 }) : undefined);
    // What is known of versions is not asked for again with each list of them.
    now += 61_000;
    asked.length = 0;
    expect(await (await call("GET", "/api/v1/packages/acme/tool")).json()).toEqual(detail);
    const marks = asked.filter((entry) => entry.includes("/referrers/"));
    expect(marks).toHaveLength(3);
    expect(asked.filter((entry) => !marks.includes(entry))).toEqual([
      "GET /api/v1/packages/acme/tool",
      "GET /v2/acme/tool/tags/list",
    ]);
  });
});

describe("the cache of a mirror", () => {
  test("lets leave what was not used for the longest time, but not from under who reads it", async () => {
    const large = new Uint8Array(3_000_000).fill(7);
    const other = new Uint8Array(3_000_000).fill(8);
    for (const bytes of [large, other]) await upstream.pushBlob(name, bytes);
    const { call, runJob } = await openMirror({ maxBytes: 4_000_000 });
    const get = (bytes: Uint8Array) => call("GET", `/v2/${name}/blobs/${digestOf(bytes)}`);
    const evict = async (): Promise<void> => {
      await runJob("evict-mirrored");
      // Longer than anybody reads.
      now += 20 * 60_000;
      await runJob("evict-mirrored");
    };
    expect(await (await get(large)).bytes()).toEqual(large);
    await settled();
    const reader = (await get(large)).body?.getReader();
    let received = (await reader?.read())?.value?.length ?? 0;
    now += 1000;
    expect(await (await get(other)).bytes()).toEqual(other);
    await settled();
    await evict();
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read())
      received += piece.value.length;
    expect(received).toBe(large.length);
    asked.length = 0;
    expect(await (await get(other)).bytes()).toEqual(other);
    expect(asked).toEqual([]);
    expect(await (await get(large)).bytes()).toEqual(large);
    expect(asked).toHaveLength(2);
    await settled();
    const metrics = await (await call("GET", "/metrics")).text();
    expect(metrics).toContain("cpm_registry_mirror_evictions_total 1\n");
    expect(metrics).toContain("cpm_registry_mirror_evicted_bytes_total 3000000\n");
    expect(metrics).toContain("cpm_registry_mirror_cached_bytes 6000000\n");
  });

  test("does not keep a blob for which it has no room, and passes it on all the same", async () => {
    const { call, dataDirectory } = await openMirror({ maxBytes: layer.length - 1 });
    for (let turn = 0; turn < 2; turn++) {
      expect(await (await call("GET", `/v2/${name}/blobs/${layerDigest}`)).bytes()).toEqual(layer);
      await settled();
    }
    expect(asked.filter((entry) => entry.startsWith("GET"))).toHaveLength(2);
    expect(filesIn(join(dataDirectory, "mirror", "blobs"))).toEqual([]);
  });

  test("fetches so many blobs at a time, lets as many wait, and refuses more", async () => {
    const { call } = await openMirror();
    const gate = Promise.withResolvers<Response>();
    let fetching = 0;
    fault = (method) => {
      if (method === "HEAD") return new Response(null, { headers: { "content-length": "1" } });
      fetching++;
      return gate.promise.then((answer) => answer.clone());
    };
    const get = (index: number) => call("GET", `/v2/${name}/blobs/${digestOf(encodeUtf8(`blob ${index}`))}`);
    const begun = Array.from({ length: 16 + 256 }, (_, index) => get(index));
    while (asked.length < begun.length + 16) await Bun.sleep(1);
    const more = await get(1000);
    expect([more.status, fetching]).toEqual([504, 16]);
    gate.resolve(new Response("?"));
    for (const response of begun) expect((await response).status).toBe(502);
    expect(fetching).toBe(begun.length);
  });

  test("finds out that bytes are gone, and fetches them again", async () => {
    const { call, dataDirectory } = await openMirror();
    const get = async () => (await call("GET", `/v2/${name}/blobs/${layerDigest}`)).bytes();
    expect(await get()).toEqual(layer);
    await settled();
    rmSync(join(dataDirectory, "mirror", "blobs"), { recursive: true });
    expect(await get()).toEqual(layer);
    await settled();
    asked.length = 0;
    expect(await get()).toEqual(layer);
    expect(asked).toEqual([]);
  });

  test("shows what it has of one repository in no other, unless that has it as well", async () => {
    const { call } = await openMirror();
    await upstream.pushBlob("acme/other", encodeUtf8("something"));
    await (await call("GET", `/v2/${name}/blobs/${layerDigest}`)).bytes();
    await settled();
    asked.length = 0;
    expect((await call("GET", `/v2/acme/other/blobs/${layerDigest}`)).status).toBe(404);
    await upstream.pushBlob("acme/other", layer);
    expect(await (await call("GET", `/v2/acme/other/blobs/${layerDigest}`)).bytes()).toEqual(layer);
    expect(asked.every((entry) => entry.startsWith("HEAD"))).toBe(true);
  });
});

describe("which namespaces are mirrored", () => {
  test("is said by the first rule that fits; a pattern leaves out what this registry has itself", async () => {
    const { call, pushBlob, pushManifest } = await openMirror({
      rules: [parseMirrorRule("ac*=http://upstream.test"), parseMirrorRule("*=http://other.test")],
    });
    expect((await call("GET", `/v2/${name}/manifests/one`)).status).toBe(200);
    expect((await pushManifest("mine/app", imageOf(), "one")).response.status).toBe(403);
    expect(await pushBlob("mine/app", emptyConfigBytes).catch(() => "refused")).toBe("refused");
  });

  test("cannot be one in which something was pushed", async () => {
    const registry = await openRegistryUnderTest();
    await registry.pushBlob("acme/own", emptyConfigBytes);
    await registry.close();
    const again = openRegistryUnderTest({ dataDirectory: registry.dataDirectory, mirrors: mirrorOptions() });
    expect(again).rejects.toMatchObject({ code: "registry-server/mirror-conflict" });
  });

  test("behind a prefix a repository has it before its name", async () => {
    const { call } = await openMirror({ rules: [parseMirrorRule("web=http://upstream.test/acme")] });
    await call("GET", "/v2/web/app/manifests/one");
    expect(asked).toEqual(["HEAD /v2/acme/web/app/manifests/one"]);
  });

  test("and who may see them is said here: what needs credentials there is private", async () => {
    const credentials = new Map([["upstream.test", { kind: "access-token", token: "secret" } as const]]);
    const registry = await openRegistryWithUsers({ mirrors: mirrorOptions({ credentials }) });
    opened.push(registry);
    const [ada, eve] = [await registry.addUser("ada"), await registry.addUser("eve")];
    await registry.accounts.namespaces.setMember("acme", "ada", "member", { actor: "test", requestId: "test" });
    const path = `/v2/${name}/manifests/one`;
    const statuses = [
      await registry.asUser(ada, "GET", path),
      await registry.asUser(eve, "GET", path),
      await registry.call("GET", path),
      await registry.asUser(eve, "DELETE", path),
      await registry.asUser(ada, "PUT", path),
    ].map(({ status }) => status);
    expect(statuses).toEqual([200, 404, 401, 404, 403]);
  });
});

test("a request that has come through this registry before is refused, and so is one through too many", async () => {
  const { call } = await openMirror();
  let via = "";
  const seen: Fetch = async (url, init) => {
    via = (init.headers as Record<string, string>)["via"] ?? "";
    return fromUpstream(url, init);
  };
  const first = await openMirror({ fetch: seen });
  const through = await first.call("GET", `/v2/${name}/manifests/one`, {
    headers: { via: "1.1 cpm-0123456789abcdef" },
  });
  expect([through.status, via.split(", ")[0]]).toEqual([200, "1.1 cpm-0123456789abcdef"]);
  expect(via).toMatch(/^1\.1 cpm-[0-9a-f]{16}, 1\.1 cpm-[0-9a-f]{16}$/);
  const own = await first.call("GET", `/v2/${name}/manifests/two`, { headers: { via } });
  expect([own.status, (await codesOf(own)).own]).toEqual([508, "registry-server/mirror-loop"]);
  const many = Array.from({ length: 8 }, (_, index) => `1.1 cpm-000000000000000${index}`).join(", ");
  expect((await call("GET", `/v2/${name}/manifests/two`, { headers: { via: many } })).status).toBe(508);
});

/** Until what requests began and did not wait for is over. */
async function settled(): Promise<void> {
  const spools = opened.map(({ dataDirectory }) => join(dataDirectory, "spool"));
  while (spools.some((spool) => filesIn(spool).length > 0)) await Bun.sleep(1);
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}
