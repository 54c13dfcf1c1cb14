import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import type { OciManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { yankManifest } from "../yank-manifest.ts";
import { codesOf, indexOf, imageOf, openRegistryUnderTest, packageArtifact } from "../testing/index.ts";

const now = Date.parse("2026-03-04T05:06:07.000Z");
const registry = await openRegistryUnderTest({ now: () => now });
afterAll(() => registry.dispose());
const { call, pushBlob, pushManifest } = registry;

let count = 0;
let name = "";

beforeEach(async () => {
  name = `test/package-${count++}`;
  for (const version of ["1.0.0", "1.1.0+b.1"]) await publish(version);
});

describe("yanking", () => {
  test("marks the version where packages are told of, and leaves it to be pulled", async () => {
    const before = await resolution();
    const answer = await yank("1.1.0%2Bb.1", { reason: "  Loses <data>.  " });
    expect(answer.status).toBe(200);
    const yanked = { reason: "Loses <data>.", by: "anyone", at: "2026-03-04T05:06:07.000Z" };
    expect(await answer.json()).toEqual({ name, version: "1.1.0+b.1", digest: await digestOfTag("1.1.0_b.1"), yanked });
    const info = await (await call("GET", `/api/v1/packages/${name}`)).json();
    expect(info.version).toBe("1.0.0");
    expect(info.versions.map((entry: { yanked?: unknown }) => entry.yanked)).toEqual([yanked, undefined]);
    const after = await resolution(before.etag);
    expect(after.status).toBe(200);
    expect(after.versions).toMatchObject([{ yanked: true, yankReason: "Loses <data>." }, {}]);
    expect(after.versions[1]).not.toHaveProperty("yanked");
    const found = await (await call("GET", `/api/v1/search?q=${name.split("/")[1]}`)).json();
    expect(found.results[0]).toMatchObject({ name, version: "1.0.0" });
    expect((await call("GET", `/v2/${name}/manifests/1.1.0_b.1`)).status).toBe(200);
  });

  test("again changes nothing, and with another reason that", async () => {
    await yank("1.0.0", { reason: "one" });
    const { etag } = await resolution();
    expect((await yank("1.0.0", { reason: "one" })).status).toBe(200);
    expect((await resolution(etag)).status).toBe(304);
    expect(await marks("1.0.0")).toHaveLength(1);
    await yank("1.0.0", { reason: "two" });
    expect((await resolution(etag)).versions).toContainEqual(expect.objectContaining({ yankReason: "two" }));
    expect(await marks("1.0.0")).toHaveLength(2);
  });

  test("is taken back with a reason or without", async () => {
    const { etag } = await resolution();
    for (const body of [{ reason: "It was another version." }, undefined]) {
      await yank("1.0.0", { reason: "one" });
      expect((await resolution(etag)).status).toBe(200);
      for (const _ of [1, 2]) {
        const answer = await call(
          "DELETE",
          yankPath("1.0.0"),
          body === undefined ? {} : { body: JSON.stringify(body) },
        );
        expect([answer.status, (await answer.json()).yanked]).toEqual([200, undefined]);
      }
      expect((await resolution(etag)).status).toBe(304);
    }
    expect(await marks("1.0.0")).toHaveLength(4);
  });

  test.each<[string, unknown, string]>([
    ["nothing", {}, "registry-server/access-invalid"],
    ["a blank reason", { reason: "  " }, "registry-server/notice-invalid"],
    ["two lines", { reason: "a\nb" }, "registry-server/notice-invalid"],
    ["a NUL", { reason: "a\0b" }, "registry-server/notice-invalid"],
    ["too much", { reason: "x".repeat(501) }, "registry-server/notice-invalid"],
    ["a list", [], "registry-server/access-invalid"],
  ])("for %s is refused", async (_, body, code) => {
    const answer = await yank("1.0.0", body);
    expect([answer.status, (await codesOf(answer)).own]).toEqual([400, code]);
    expect(await marks("1.0.0")).toEqual([]);
  });

  test("of what is not there, and by another method, is refused", async () => {
    for (const path of [yankPath("9.0.0"), yankPath("%"), `/api/v1/packages/test/none/versions/1.0.0/yank`]) {
      const answer = await call("PUT", path, { body: `{"reason":"x"}` });
      expect([answer.status, (await codesOf(answer)).own]).toEqual([404, "registry-server/package-unknown"]);
    }
    expect((await codesOf(await call("POST", yankPath("1.0.0")))).own).toBe("registry-server/unsupported");
    expect((await call("PUT", `/api/v1/packages/${name}/yank`, { body: `{"reason":"x"}` })).status).toBe(404);
  });
});

describe("a yank mark", () => {
  test("is an ordinary manifest with a subject: it is pulled whole, and signed like others", async () => {
    await yank("1.0.0", { reason: "one" });
    const [listed] = await marks("1.0.0");
    expect(listed?.annotations).toMatchObject({ "org.colonyos.cpm.yank.reason": "one" });
    const pulled = await call("GET", `/v2/${name}/manifests/${listed?.digest}`);
    const mark = parseManifestBytes(await pulled.bytes(), mediaTypes.manifest) as OciManifest;
    for (const { digest } of [mark.config, ...mark.layers])
      expect((await call("GET", `/v2/${name}/blobs/${digest}`)).status).toBe(200);
    const subject = { mediaType: mediaTypes.manifest, digest: listed?.digest as Digest, sizeBytes: listed?.size ?? 0 };
    const signature = imageOf({ subject, artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json" });
    expect((await pushManifest(name, signature)).response.status).toBe(201);
    const signatures = await (await call("GET", `/v2/${name}/referrers/${listed?.digest}`)).json();
    expect(signatures.manifests).toHaveLength(1);
    const gone = await call("DELETE", `/v2/${name}/manifests/${listed?.digest}`);
    expect([gone.status, (await codesOf(gone)).own]).toEqual([405, "registry-server/in-use"]);
  });

  test("that is pushed is taken over, the newest whatever comes last", async () => {
    await pushBlob(name, new TextEncoder().encode("{}"));
    const digest = await digestOfTag("1.0.0");
    const subject = { mediaType: mediaTypes.manifest, digest, sizeBytes: 100 };
    const push = (yanked: boolean, reason: string, atMs: number) =>
      pushManifest(name, yankManifest(subject, { yanked, reason, by: "nina", atMs }));
    expect((await push(true, "newer", now - 1)).response.status).toBe(201);
    expect((await push(false, "older", now - 2)).response.status).toBe(201);
    const { versions } = await (await call("GET", `/api/v1/packages/${name}`)).json();
    expect(versions[1].yanked).toMatchObject({ reason: "newer", by: "nina" });
  });

  const mark = yankManifest(
    { mediaType: mediaTypes.manifest, digest: emptyDescriptor.digest, sizeBytes: 2 },
    { yanked: true, reason: "one", by: "nina", atMs: now },
  );
  const { subject: _, ...withoutSubject } = mark;
  test.each<[string, OciManifest | ReturnType<typeof indexOf>]>([
    ["no subject", withoutSubject],
    ["no annotations", { ...mark, annotations: {} }],
    [
      "a later day",
      { ...mark, annotations: { ...mark.annotations, "org.opencontainers.image.created": "9999-01-01T00:00:00Z" } },
    ],
    ["manifests", indexOf([], { artifactType: mark.artifactType ?? "", annotations: mark.annotations ?? {} })],
  ])("with %s is refused", async (_name, manifest) => {
    await pushBlob(name, new TextEncoder().encode("{}"));
    const { response } = await pushManifest(name, manifest);
    expect([response.status, (await codesOf(response)).own]).toEqual([400, "registry-server/yank-invalid"]);
  });
});

describe("deprecating", () => {
  const notice = { message: "Unmaintained.", successor: "test/other" };

  test("a package or a version is told with its successor, and taken back", async () => {
    const { etag } = await resolution();
    const answer = await call("PUT", `/api/v1/packages/${name}/deprecation`, { body: JSON.stringify(notice) });
    expect([answer.status, await answer.json()]).toEqual([200, { name, deprecated: notice }]);
    const own = { message: "Too old." };
    const path = `/api/v1/packages/${name}/versions/1.0.0/deprecation`;
    expect((await call("PUT", path, { body: JSON.stringify(own) })).status).toBe(200);
    expect((await resolution(etag)).versions.map((entry) => entry["deprecated"])).toEqual([notice, own]);
    const info = await (await call("GET", `/api/v1/packages/${name}`)).json();
    expect([info.deprecated, info.versions[1].deprecated]).toEqual([notice, own]);
    for (const taken of [path, `/api/v1/packages/${name}/deprecation`])
      expect((await call("DELETE", taken)).status).toBe(200);
    expect((await resolution(etag)).status).toBe(304);
  });

  test("says what the author wrote into the version where nothing else is said", async () => {
    const { manifest, blobs } = await packageArtifact({ name, version: "2.0.0", fields: "deprecated: Use another.\n" });
    for (const bytes of blobs.values()) await pushBlob(name, bytes);
    await pushManifest(name, manifest, "2.0.0");
    expect((await resolution()).versions[0]?.["deprecated"]).toEqual({ message: "Use another." });
    await call("PUT", `/api/v1/packages/${name}/deprecation`, { body: JSON.stringify(notice) });
    expect((await resolution()).versions[0]?.["deprecated"]).toEqual(notice);
  });

  test.each<object>([{}, { message: "" }, { message: "x".repeat(501) }, { ...notice, successor: "no name" }])(
    "with %j is refused",
    async (body) => {
      const answer = await call("PUT", `/api/v1/packages/${name}/deprecation`, { body: JSON.stringify(body) });
      expect(answer.status).toBe(400);
    },
  );

  test("in favour of itself is refused", async () => {
    const body = JSON.stringify({ ...notice, successor: name });
    const answer = await call("PUT", `/api/v1/packages/${name}/deprecation`, { body });
    expect((await codesOf(answer)).own).toBe("registry-server/notice-invalid");
  });
});

const yankPath = (version: string): string => `/api/v1/packages/${name}/versions/${version}/yank`;
const yank = (version: string, body: unknown): Promise<Response> =>
  call("PUT", yankPath(version), { body: JSON.stringify(body) });

interface Resolution {
  readonly status: number;
  readonly etag: string;
  readonly versions: readonly Readonly<Record<string, unknown>>[];
}

async function resolution(etag?: string): Promise<Resolution> {
  const headers: Record<string, string> = etag === undefined ? {} : { "if-none-match": etag };
  const answer = await call("GET", `/api/v1/packages/${name}/resolution`, { headers });
  const { versions } = answer.status === 304 ? { versions: [] } : await answer.json();
  return { status: answer.status, etag: answer.headers.get("etag") ?? "", versions };
}

async function digestOfTag(tag: string): Promise<Digest> {
  return (await call("HEAD", `/v2/${name}/manifests/${tag}`)).headers.get("docker-content-digest") as Digest;
}

async function marks(tag: string) {
  const artifactType = "application%2Fvnd.colonyos.cpm.yank.v1";
  const answer = await call("GET", `/v2/${name}/referrers/${await digestOfTag(tag)}?artifactType=${artifactType}`);
  const { manifests } = await answer.json();
  return manifests as readonly { digest: string; size: number; annotations: Record<string, string> }[];
}

async function publish(version: string): Promise<void> {
  const { manifest, blobs } = await packageArtifact({ name, version });
  for (const bytes of blobs.values()) await pushBlob(name, bytes);
  const { response, descriptor } = await pushManifest(name, manifest, version.replace("+", "_"));
  expect([response.status, descriptor.digest]).toEqual([201, digestOf(formatManifest(manifest))]);
}
