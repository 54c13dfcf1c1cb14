import { afterAll, describe, expect, test } from "bun:test";
import { zstdFrameContentBytes } from "@cpm/archive";
import { hostileArchives } from "@cpm/archive/testing";
import { encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { packageMediaTypes } from "@cpm/model";
import type { PackageConfig } from "@cpm/model";
import { formatManifest } from "@cpm/oci";
import type { Descriptor, OciManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import {
  codesOf,
  emptyConfigBytes,
  imageOf,
  indexOf,
  openRegistryUnderTest,
  packageArtifact,
} from "../testing/index.ts";
import type { PackageArtifact, PackageSourceFiles } from "../testing/index.ts";

const registry = await openRegistryUnderTest();
afterAll(() => registry.dispose());
const { call, pushBlob, pushManifest } = registry;

let count = 0;
const freshName = (): string => `test/package-${count++}`;

describe("publishing", () => {
  test("makes a version exist, and again with the same bytes changes nothing", async () => {
    const name = freshName();
    const artifact = await packageArtifact({
      name,
      version: "1.0.0+build.1",
      readme: "# Hello",
      payload: { "a/b": "c" },
    });
    for (let time = 0; time < 2; time++) expect((await publish(name, artifact, "1.0.0_build.1")).status).toBe(201);
    const info = await infoOf(name);
    expect(info).toMatchObject({ name, version: "1.0.0+build.1", readme: "# Hello", description: "A package." });
    expect(info.versions).toHaveLength(1);
    const sizes = [artifact.manifest.config, ...artifact.manifest.layers].map((entry) => entry.sizeBytes);
    expect(info.versions[0]).toMatchObject({
      version: "1.0.0+build.1",
      sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
      manifest: { name, version: "1.0.0+build.1" },
    });
  });

  test("of other bytes under the same version is refused with both digests", async () => {
    const name = freshName();
    const one = await packageArtifact({ name, version: "1.0.0", readme: "one" });
    const two = await packageArtifact({ name, version: "1.0.0", readme: "two" });
    expect((await publish(name, one, "1.0.0")).status).toBe(201);
    const refused = await publish(name, two, "1.0.0");
    expect(refused.status).toBe(409);
    const body = await refused.text();
    expect(body).toContain("registry-server/version-exists");
    for (const { manifest } of [one, two]) expect(body).toContain(digestOfManifest(manifest));
    expect((await infoOf(name)).readme).toBe("one");
    expect(await digestOfTag(name, "1.0.0")).toBe(digestOfManifest(one.manifest));
  });

  test("with a character that no database keeps is refused with what it is", async () => {
    const name = freshName();
    const artifact = await packageArtifact({ name, version: "1.0.0", readme: "a\0b" });
    const refused = await publish(name, artifact, "1.0.0");
    expect([refused.status, (await codesOf(refused)).own]).toEqual([400, "registry-server/text-invalid"]);
    expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
    expect((await call("GET", `/v2/${name}/manifests/1.0.0`)).status).toBe(404);
    expect((await call("GET", "/api/v1/search?q=a%00b")).status).toBe(400);
  });

  test("by two at once leaves one version", async () => {
    const name = freshName();
    const artifacts = await Promise.all(
      ["one", "two"].map((readme) => packageArtifact({ name, version: "1.0.0", readme })),
    );
    const answers = await Promise.all(artifacts.map((artifact) => publish(name, artifact, "1.0.0")));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201, 409]));
    const winner = artifacts[answers.findIndex((answer) => answer.status === 201)];
    expect(await digestOfTag(name, "1.0.0")).toBe(digestOfManifest(winner?.manifest ?? imageOf()));
  });

  test("keeps what is published: neither its tag moves nor anything of it is deleted", async () => {
    const name = freshName();
    const artifact = await packageArtifact({ name, version: "1.0.0", payload: { file: "content" } });
    await publish(name, artifact, "1.0.0");
    await pushBlob(name, emptyConfigBytes);
    // Something that is no package, under the version's tag.
    const moved = await pushManifest(name, imageOf(), "1.0.0");
    expect(moved.response.status).toBe(409);
    const byParameter = await call("PUT", `/v2/${name}/manifests/x?tag=1.0.0`, { body: "{}" });
    expect(byParameter.status).toBe(400);
    const { manifest } = artifact;
    for (const path of [
      "manifests/1.0.0",
      `manifests/${digestOfManifest(manifest)}`,
      `blobs/${manifest.config.digest}`,
      ...manifest.layers.map((layer) => `blobs/${layer.digest}`),
    ]) {
      const refused = await call("DELETE", `/v2/${name}/${path}`);
      expect(refused.status).toBe(405);
      expect((await codesOf(refused)).own).toBe("registry-server/in-use");
    }
    expect(await digestOfTag(name, "1.0.0")).toBe(digestOfManifest(manifest));
  });

  test("under a tag that is no version adds that tag, which moves and goes like any other", async () => {
    const name = freshName();
    const [one, two] = await Promise.all(["1.0.0", "2.0.0"].map((version) => packageArtifact({ name, version })));
    if (one === undefined || two === undefined) throw new Error("two were made");
    expect((await publish(name, one, "latest")).status).toBe(201);
    expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
    expect((await publish(name, one, "1.0.0")).status).toBe(201);
    expect((await publish(name, two, "2.0.0")).status).toBe(201);
    expect((await publish(name, two, "latest")).status).toBe(201);
    expect(await digestOfTag(name, "latest")).toBe(digestOfManifest(two.manifest));
    expect((await call("DELETE", `/v2/${name}/manifests/latest`)).status).toBe(202);
    expect((await infoOf(name)).versions.map((entry) => entry.version)).toEqual(["2.0.0", "1.0.0"]);
  });
});

describe("what is no whole package", () => {
  const other = digestOf(encodeUtf8("other"));
  const firstLayer = (change: Partial<PackageConfig["layers"][number]>) => (config: PackageConfig) => ({
    ...config,
    layers: config.layers.map((layer, index) => (index === 0 ? { ...layer, ...change } : layer)),
  });

  test.each<[string, Partial<PackageSourceFiles>, string]>([
    ["declares another tree", { config: (config) => ({ ...config, tree: other }) }, "unpack to"],
    ["declares another uncompressed digest", { config: firstLayer({ diffId: other }) }, "store/digest-mismatch"],
    ["declares another size", { config: firstLayer({ sizeBytes: 1024 }) }, "total-too-large"],
    ["declares more entries", { config: firstLayer({ entries: 7 }) }, "layer/entries"],
    ["declares fewer entries", { config: firstLayer({ entries: 0 }) }, "archive/"],
    [
      "declares a layer too many",
      {
        config: (config) => ({
          ...config,
          layers: [...config.layers, { ...config.layers[0], role: "payload" }] as never,
        }),
      },
      "numbers of layers",
    ],
    [
      "has a manifest that disagrees with colony.yaml",
      { config: (config) => ({ ...config, manifest: { ...config.manifest, description: "Another." } }) },
      "tell different things",
    ],
    ["has a README that is too long", { readme: "x".repeat(300_000) }, "README.md has more than"],
  ])("because it %s is refused and leaves nothing", async (_, fields, reason) => {
    const name = freshName();
    await expectRefused(name, await packageArtifact({ name, version: "1.0.0", ...fields }), "1.0.0", reason);
  });

  test("because two layers hold one path is refused and leaves nothing", async () => {
    const name = freshName();
    const twice = ({ layers: [first], ...config }: PackageConfig): PackageConfig =>
      first === undefined ? { ...config, layers: [] } : { ...config, layers: [first, { ...first, role: "payload" }] };
    const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0", config: twice });
    const layers = [...manifest.layers, ...manifest.layers];
    await expectRefused(name, { manifest: { ...manifest, layers }, blobs }, "1.0.0", "layer/collision");
  });

  test("because a layer's bytes are corrupt is refused and leaves nothing", async () => {
    const name = freshName();
    const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0" });
    const [layer] = manifest.layers;
    const bytes = blobs.get(layer?.digest ?? other)?.slice() ?? new Uint8Array(0);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    const damaged = { ...(layer as Descriptor), digest: digestOf(bytes) };
    await expectRefused(
      name,
      { manifest: { ...manifest, layers: [damaged] }, blobs: new Map([...blobs, [damaged.digest, bytes]]) },
      "1.0.0",
      "",
    );
  });

  test.each<[string, (manifest: OciManifest) => OciManifest, string]>([
    [
      "its config has another type",
      (manifest) => ({ ...manifest, config: { ...manifest.config, mediaType: "x/y" } }),
      "media type",
    ],
    [
      "its config has another size",
      (manifest) => ({ ...manifest, config: { ...manifest.config, sizeBytes: 3 } }),
      "store/too-long",
    ],
    [
      "a layer is longer than described",
      (manifest) => ({
        ...manifest,
        layers: manifest.layers.map((layer) => ({ ...layer, sizeBytes: layer.sizeBytes - 1 })),
      }),
      "store/too-long",
    ],
    [
      "a layer is shorter than described",
      (manifest) => ({
        ...manifest,
        layers: manifest.layers.map((layer) => ({ ...layer, sizeBytes: layer.sizeBytes + 1 })),
      }),
      "store/too-short",
    ],
    [
      "a layer is called gzip and is zstd",
      (manifest) => ({
        ...manifest,
        layers: manifest.layers.map((layer) => ({ ...layer, mediaType: packageMediaTypes.layerGzip })),
      }),
      "gzip/",
    ],
    [
      "a layer has an unknown type",
      (manifest) => ({ ...manifest, layers: manifest.layers.map((layer) => ({ ...layer, mediaType: "x/y" })) }),
      "layer/media-type",
    ],
    [
      "it lists the same layer twice",
      (manifest) => ({ ...manifest, layers: [...manifest.layers, ...manifest.layers] }),
      "numbers of layers",
    ],
    ["its artifact type is another", (manifest) => ({ ...manifest, artifactType: "x/y" }), "artifact type"],
  ])("because %s is refused and leaves nothing", async (_, change, reason) => {
    const name = freshName();
    const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0" });
    await expectRefused(name, { manifest: change(manifest), blobs }, "1.0.0", reason);
  });

  test("because it was pushed to another name or under another version is refused", async () => {
    const name = freshName();
    const artifact = await packageArtifact({ name: "rise/wordcount", version: "1.0.0" });
    await expectRefused(name, artifact, "1.0.0", "was pushed to the repository");
    const own = await packageArtifact({ name, version: "1.0.0" });
    for (const tag of ["1.0.1", "2.0.0", "1.0.0-rc.1", "1.0.0_build"])
      await expectRefused(name, own, tag, "under the tag of");
    const body = formatManifest(own.manifest);
    const both = await call("PUT", `/v2/${name}/manifests/1.0.0?tag=1.0.1`, { body });
    expect(both.status).toBe(400);
    expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
  });

  // What else would betray them is declared as they have it, so that only the archive's own fault remains.
  const archives = hostileArchives.flatMap(({ id, name, build, expect }) => {
    const bytes = build();
    // One frame holds it, and an empty frame is refused as such. A file may have a tebibyte here.
    const fits = bytes.length > 0 && bytes.length < zstdFrameContentBytes;
    const code = "code" in expect ? expect.code : "archive/file-too-large";
    return fits && code !== "archive/file-too-large" ? [{ id, name, bytes, code }] : [];
  });
  test.each(archives)("because of the hostile archive $id ($name) is refused", async ({ bytes, code }) => {
    const name = freshName();
    const declared = firstLayer({ diffId: digestOf(bytes), sizeBytes: bytes.length, entries: 1000 });
    const honest = await packageArtifact({ name, version: "1.0.0", config: declared });
    const layer = new Uint8Array(await Bun.zstdCompress(bytes));
    const descriptor = { mediaType: packageMediaTypes.layerZstd, digest: digestOf(layer), sizeBytes: layer.length };
    const blobs = new Map([...honest.blobs, [descriptor.digest, layer] as const]);
    await expectRefused(name, { manifest: { ...honest.manifest, layers: [descriptor] }, blobs }, "1.0.0", code);
  });
});

describe("a package for several platforms", () => {
  const platforms = ["linux/amd64", "linux/arm64"] as const;

  test("is one version with the manifest of all", async () => {
    const name = freshName();
    const { descriptors, artifacts } = await pushPlatforms(name, "1.0.0");
    const index = indexOf(descriptors, { artifactType: packageMediaTypes.artifact });
    const { response, descriptor } = await pushManifest(name, index, "1.0.0");
    expect(response.status).toBe(201);
    const [version] = (await infoOf(name)).versions;
    const contents = new Map(
      artifacts
        .flatMap(({ manifest }) => [manifest.config, ...manifest.layers])
        .map((entry) => [entry.digest, entry.sizeBytes]),
    );
    expect(version).toMatchObject({
      version: "1.0.0",
      digest: descriptor.digest,
      sizeBytes: [...contents.values()].reduce((sum, size) => sum + size, 0),
    });
    for (const { digest } of descriptors)
      expect((await call("DELETE", `/v2/${name}/manifests/${digest}`)).status).toBe(405);
  });

  test.each<[string, (descriptors: readonly Descriptor[]) => readonly Descriptor[], string]>([
    ["nothing", () => [], "lists none"],
    ["a platform twice", ([first]) => (first === undefined ? [] : [first, first]), "twice"],
    [
      "one without platform",
      (list) => list.map(({ mediaType, digest, sizeBytes }) => ({ mediaType, digest, sizeBytes })),
      "no platform",
    ],
    [
      "one of another size",
      (list) => list.map((entry) => ({ ...entry, sizeBytes: entry.sizeBytes + 1 })),
      "something else",
    ],
  ])("is refused when its index lists %s", async (_, change, reason) => {
    const name = freshName();
    const { descriptors } = await pushPlatforms(name, "1.0.0");
    await expectIndexRefused(name, change(descriptors), reason);
  });

  test("is refused when the platforms are of different versions, or something else is among them", async () => {
    const name = freshName();
    const one = await pushPlatforms(name, "1.0.0");
    const two = await pushPlatforms(name, "1.0.1");
    await expectIndexRefused(
      name,
      [one.descriptors[0], two.descriptors[1]].filter((entry) => entry !== undefined),
      "share one manifest",
    );
    await pushBlob(name, emptyConfigBytes);
    const image = await pushManifest(name, imageOf());
    const platform = { os: "linux", architecture: "riscv64" };
    await expectIndexRefused(name, [...one.descriptors, { ...image.descriptor, platform }], "no package");
    const inner = await pushManifest(name, indexOf(one.descriptors, { artifactType: packageMediaTypes.artifact }));
    expect(inner.response.status).toBe(201);
    await expectIndexRefused(name, [{ ...inner.descriptor, platform }], "no package");
  });

  test("is refused under the tag of another version", async () => {
    const name = freshName();
    const { descriptors } = await pushPlatforms(name, "1.0.0");
    const index = indexOf(descriptors, { artifactType: packageMediaTypes.artifact });
    const { response } = await pushManifest(name, index, "1.0.1");
    expect(response.status).toBe(400);
    expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
  });

  async function pushPlatforms(name: string, version: string) {
    const artifacts = await Promise.all(
      platforms.map((platform) => packageArtifact({ name, version, platform, payload: { "bin/run": platform } })),
    );
    const descriptors: Descriptor[] = [];
    for (const [index, artifact] of artifacts.entries()) {
      const [os = "", architecture = ""] = (platforms[index] ?? "").split("/");
      await pushBlobs(name, artifact);
      const { response, descriptor } = await pushManifest(name, artifact.manifest);
      expect(response.status).toBe(201);
      descriptors.push({ ...descriptor, platform: { os, architecture } });
    }
    return { artifacts, descriptors };
  }

  async function expectIndexRefused(name: string, manifests: readonly Descriptor[], reason: string): Promise<void> {
    const index = indexOf(manifests, { artifactType: packageMediaTypes.artifact });
    const { response } = await pushManifest(name, index, "1.0.0");
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(reason);
    expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
    expect((await call("GET", `/v2/${name}/manifests/1.0.0`)).status).toBe(404);
  }
});

describe("the index", () => {
  test("tells of the newest version, whatever was published last", async () => {
    const name = freshName();
    for (const [version, description] of [
      ["1.0.0", "The first."],
      ["2.0.0", "The second."],
      ["1.0.1", "A patch of the first."],
      ["3.0.0-rc.1", "Not yet."],
      ["2.0.0+rebuilt", "The second, again."],
    ] as const) {
      const artifact = await packageArtifact({ name, version, description });
      expect((await publish(name, artifact, version.replace("+", "_"))).status).toBe(201);
    }
    const info = await infoOf(name);
    expect(info).toMatchObject({ version: "2.0.0+rebuilt", description: "The second, again." });
    const versions = info.versions.map((entry) => entry.version);
    expect(versions.filter((version) => !version.startsWith("2."))).toEqual(["3.0.0-rc.1", "1.0.1", "1.0.0"]);
    expect(versions).toHaveLength(5);
  });

  test("has nothing of what was never published", async () => {
    for (const path of ["a/b", "A/b", "a/..", "a%2Fb/c", "a"]) {
      expect((await call("GET", `/api/v1/packages/${path}`)).status).toBe(404);
    }
  });
});

async function publish(name: string, artifact: PackageArtifact, tag: string): Promise<Response> {
  await pushBlobs(name, artifact);
  return (await pushManifest(name, artifact.manifest, tag)).response;
}

async function pushBlobs(name: string, { blobs }: PackageArtifact): Promise<void> {
  for (const bytes of blobs.values()) await pushBlob(name, bytes);
}

async function expectRefused(name: string, artifact: PackageArtifact, tag: string, reason: string): Promise<void> {
  const response = await publish(name, artifact, tag);
  expect(response.status).toBe(400);
  const body = await response.text();
  expect(body).toContain("registry-server/package-invalid");
  expect(body).toContain(reason);
  expect((await call("GET", `/api/v1/packages/${name}`)).status).toBe(404);
  expect((await (await call("GET", `/v2/${name}/tags/list`)).json()).tags).toEqual([]);
  for (const reference of [tag, digestOfManifest(artifact.manifest)])
    expect((await call("GET", `/v2/${name}/manifests/${reference}`)).status).toBe(404);
}

function digestOfManifest(manifest: OciManifest): Digest {
  return digestOf(formatManifest(manifest));
}

async function infoOf(name: string) {
  const response = await call("GET", `/api/v1/packages/${name}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { readme?: string; versions: { version: string; digest: Digest }[] };
}

async function digestOfTag(name: string, tag: string): Promise<string | null> {
  return (await call("HEAD", `/v2/${name}/manifests/${tag}`)).headers.get("docker-content-digest");
}
