import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { formatManifest } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { blobPath, readLayoutIndex, refName } from "@cpm/store";
import { runCommand } from "../commands/run.ts";
import { emptyConfigBytes, imageOf, indexOf, openRegistryUnderTest, packageArtifact } from "../testing/index.ts";
import type { RegistryUnderTest } from "../testing/index.ts";
import { repositoryMediaType } from "./repository-document.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-layout-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const place = (suffix = ""): string => join(scratch, `${count++}${suffix}`);

/** The command in this process, at a time of its own. */
async function command(args: readonly string[], nowMs = 1_800_000_000_000) {
  let [stdout, stderr] = ["", ""];
  const status = await runCommand(args, {
    print: (text) => void (stdout += text),
    tell: (text) => void (stderr += text),
    readSecret: async () => "",
    now: () => nowMs,
    environment: {},
  });
  return { status, stdout, stderr };
}
const exportTo = (registry: RegistryUnderTest, to: string, ...more: string[]) =>
  command(["export", "--data", registry.dataDirectory, "--to", to, "--json", ...more]);
const importFrom = (from: string, registry: RegistryUnderTest, ...more: string[]) =>
  command(["import", "--data", registry.dataDirectory, "--from", from, "--json", ...more]);

/** A registry with packages, an image of two tags, an index, an untagged image and a referrer; each at another minute. */
async function filled(): Promise<RegistryUnderTest & { readonly image: Descriptor }> {
  let now = 1_767_000_000_000;
  const registry = await openRegistryUnderTest({ now: () => now });
  const push = async (repository: string, manifest: OciManifest | OciIndex, ...tags: string[]) => {
    now += 60_000;
    const { response, descriptor } = await registry.pushManifest(repository, manifest, ...tags);
    expect(response.status).toBe(201);
    return descriptor;
  };
  for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1"]) {
    const { manifest, blobs } = await packageArtifact({ name: "acme/web", version, readme: `# ${version}` });
    for (const bytes of blobs.values()) await registry.pushBlob("acme/web", bytes);
    await push("acme/web", manifest, version);
  }
  await registry.pushBlob("tools/image", emptyConfigBytes);
  const layer = await registry.pushBlob("tools/image", encodeUtf8("a layer"));
  const image = await push("tools/image", imageOf({ layers: [layer] }), "latest", "v1");
  await push("tools/image", imageOf({ annotations: { untagged: "yes" } }));
  await push("tools/image", indexOf([image]), "multi");
  await push("tools/image", imageOf({ subject: image, artifactType: "application/x.signature" }));
  return { ...registry, image };
}

const aboutPackage = "/api/v1/packages/acme/web";
async function seenIn(registry: RegistryUnderTest, image: Descriptor): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const path of [
    "/v2/_catalog",
    aboutPackage,
    "/v2/acme/web/tags/list",
    "/v2/tools/image/tags/list",
    `/v2/tools/image/referrers/${image.digest}`,
    "/v2/acme/web/manifests/1.1.0",
    "/v2/tools/image/manifests/latest",
    "/v2/tools/image/manifests/multi",
    "/api/v1/search?q=web",
  ]) {
    const response = await registry.call("GET", path);
    answers.push([path, response.status, await response.json()]);
  }
  return answers;
}

const tagsIn = (folder: string) =>
  readLayoutIndex(folder)
    .manifests.map(refName)
    .filter((tag) => tag !== undefined)
    .toSorted();

describe("a registry that was exported and imported", () => {
  test.each([
    ["a directory", ""],
    ["a file", ".tar"],
  ])("through %s is the same, with its times", async (_, suffix) => {
    const registry = await filled();
    const layout = place(suffix);
    const exported = await exportTo(registry, layout);
    expect(exported).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(exported.stdout)).toMatchObject({ repositories: 2, leftOut: [] });
    const other = await openRegistryUnderTest();
    const imported = await importFrom(layout, other);
    expect([imported.status, JSON.parse(imported.stdout)]).toMatchObject([
      0,
      { repositories: 2, importedManifests: 7, refused: [] },
    ]);
    const seen = await seenIn(registry, registry.image);
    expect(await seenIn(other, registry.image)).toEqual(seen);
    expect(JSON.stringify(seen)).toContain("2025-12-29");
    // What is untagged and what another leads to is there too.
    const again = place();
    await exportTo(other, again);
    const whole = place();
    await exportTo(registry, whole);
    expect(readdirSync(join(again, "blobs/sha256")).toSorted()).toEqual(
      readdirSync(join(whole, "blobs/sha256")).toSorted(),
    );
    await other.dispose();
    await registry.dispose();
  });

  test("the same import, once more or into the registry that it is of, changes nothing", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout);
    const other = await openRegistryUnderTest();
    await importFrom(layout, other);
    for (const target of [other, registry]) {
      const before = await seenIn(target, registry.image);
      const { status, stdout } = await importFrom(layout, target);
      expect([status, JSON.parse(stdout)]).toMatchObject([0, { importedManifests: 0, copiedBlobs: 0, refused: [] }]);
      expect(await seenIn(target, registry.image)).toEqual(before);
    }
    await other.dispose();
    await registry.dispose();
  });

  test("a later export to the same directory copies what is new, and drops tags that are gone", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout);
    const untouched = join(layout, blobPath(registry.image.digest));
    const { mtimeMs } = statSync(untouched);
    const before = JSON.parse((await exportTo(registry, layout)).stdout);
    expect(before).toMatchObject({ copiedContents: 0, copiedBytes: 0 });
    await registry.call("DELETE", "/v2/tools/image/manifests/v1");
    await registry.pushManifest("tools/image", imageOf({ annotations: { new: "yes" } }), "new");
    // The manifest, and what is said of the repository.
    expect(JSON.parse((await exportTo(registry, layout)).stdout)).toMatchObject({ copiedContents: 3 });
    expect(statSync(untouched).mtimeMs).toBe(mtimeMs);
    expect(tagsIn(layout).filter((tag) => tag?.startsWith("tools/"))).toEqual(
      ["latest", "multi", "new"].map((tag) => `tools/image:${tag}`),
    );
    expect((await exportTo(registry, place(".tar"))).status).toBe(0);
    const file = place(".tar");
    writeFileSync(file, "something else");
    expect((await exportTo(registry, file)).stderr).toContain("registry-server/export-exists");
    await registry.dispose();
  });

  test("a pattern chooses repositories, and leaves what a layout has of others", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout, "--repository", "acme/*");
    expect(tagsIn(layout).every((tag) => tag?.startsWith("acme/web:"))).toBe(true);
    await exportTo(registry, layout, "--repository", "tools/*");
    expect(new Set(tagsIn(layout).map((tag) => tag?.split(":")[0]))).toEqual(new Set(["acme/web", "tools/image"]));
    const other = await openRegistryUnderTest();
    await importFrom(layout, other, "--repository", "acme/we*");
    const names = async () => (await (await other.call("GET", "/v2/_catalog")).json()).repositories;
    expect(await names()).toEqual(["acme/web"]);
    await importFrom(layout, other);
    expect(await names()).toEqual(["acme/web", "tools/image"]);
    await other.dispose();
    await registry.dispose();
  });

  test("what is yanked and deprecated is so in the other, and what is said there stays", async () => {
    const registry = await filled();
    await registry.pushBlob("acme/web", emptyConfigBytes);
    const change = async (path: string, body: object) => {
      const response = await registry.call("PUT", `${aboutPackage}${path}`, { body: JSON.stringify(body) });
      expect(response.status).toBe(200);
    };
    await change("/versions/1.0.0/yank", { reason: "it loses data" });
    await change("/versions/1.1.0/deprecation", { message: "slow" });
    await change("/deprecation", { message: "no longer kept", successor: "acme/site" });
    const layout = place();
    await exportTo(registry, layout);
    const other = await openRegistryUnderTest();
    expect((await importFrom(layout, other)).status).toBe(0);
    const seen = await (await registry.call("GET", aboutPackage)).json();
    expect(await (await other.call("GET", aboutPackage)).json()).toEqual(seen);
    expect(JSON.stringify(seen)).toMatch(/it loses data.*slow|slow.*it loses data/);
    const { stdout } = await importFrom(layout, other);
    expect(JSON.parse(stdout)).toMatchObject({ importedManifests: 0, refused: [] });
    await other.call("PUT", `${aboutPackage}/deprecation`, { body: JSON.stringify({ message: "another" }) });
    await importFrom(layout, other);
    expect((await (await other.call("GET", aboutPackage)).json()).deprecated.message).toBe("another");
    await other.dispose();
    await registry.dispose();
  });

  test("a namespace that is private is so from its first moment on", async () => {
    const registry = await filled();
    await command(["namespace", "set", "acme", "--private", "--data", registry.dataDirectory]);
    const layout = place();
    await exportTo(registry, layout);
    const other = await openRegistryUnderTest();
    await importFrom(layout, other);
    const { stdout } = await command(["namespace", "list", "--data", other.dataDirectory, "--json"]);
    expect(JSON.parse(stdout).namespaces).toMatchObject([
      { name: "acme", private: true },
      { name: "tools", private: false },
    ]);
    await other.dispose();
    await registry.dispose();
  });

  test.each([
    ["a directory", "", false],
    ["a file", ".tar", false],
    ["a directory, marked before", "", true],
  ])("what is damaged is left out of %s with what needs it, and told", async (_, suffix, scrubbed) => {
    const registry = await filled();
    spoilBlob(registry.dataDirectory, encodeUtf8("a layer"));
    if (scrubbed) expect((await command(["scrub", "--data", registry.dataDirectory])).status).toBe(7);
    const layout = place(suffix);
    const { status, stdout, stderr } = await exportTo(registry, layout);
    expect([status, stderr]).toEqual([7, expect.stringContaining("registry-server/export-incomplete")]);
    expect(JSON.parse(stdout).leftOut).toMatchObject([{ repository: "tools/image" }]);
    const other = await openRegistryUnderTest();
    const imported = await importFrom(layout, other);
    expect([imported.status, JSON.parse(imported.stdout).refused]).toEqual([0, []]);
    expect((await other.call("GET", "/v2/tools/image/manifests/latest")).status).toBe(404);
    expect((await other.call("GET", aboutPackage)).status).toBe(200);
    await other.dispose();
    await registry.dispose();
  });

  test("what was changed in the layout is refused, and nothing of it is there", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout);
    spoilFile(join(layout, blobPath(registry.image.digest)), encodeUtf8("{}"));
    const { manifest } = await packageArtifact({ name: "acme/web", version: "1.1.0", readme: "# 1.1.0" });
    const [packageLayer] = manifest.layers;
    spoilFile(join(layout, blobPath(packageLayer?.digest as Digest)), encodeUtf8("x"));
    const other = await openRegistryUnderTest();
    const { status, stdout } = await importFrom(layout, other);
    const { refused } = JSON.parse(stdout);
    expect([status, refused.map((entry: { repository: string }) => entry.repository)]).toEqual([
      7,
      ["acme/web", "tools/image", "tools/image"],
    ]);
    const versions = (await (await other.call("GET", aboutPackage)).json()).versions;
    expect(versions.map((entry: { version: string }) => entry.version)).toEqual(["2.0.0-rc.1", "1.0.0"]);
    // Repaired, the same import does the rest.
    rmSync(layout, { recursive: true });
    await exportTo(registry, layout);
    expect((await importFrom(layout, other)).status).toBe(0);
    expect(await seenIn(other, registry.image)).toEqual(await seenIn(registry, registry.image));
    await other.dispose();
    await registry.dispose();
  });

  test("a version that is here as other bytes stays, and so does a tag that points elsewhere", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout);
    const other = await openRegistryUnderTest();
    const { manifest, blobs } = await packageArtifact({ name: "acme/web", version: "1.0.0", readme: "# Another" });
    for (const bytes of blobs.values()) await other.pushBlob("acme/web", bytes);
    await other.pushManifest("acme/web", manifest, "1.0.0");
    await other.pushBlob("tools/image", emptyConfigBytes);
    await other.pushManifest("tools/image", imageOf(), "latest");
    const before = await (await other.call("GET", "/v2/tools/image/manifests/latest")).text();
    const { status, stdout } = await importFrom(layout, other);
    const subjects = JSON.parse(stdout).refused.map((entry: { subject: string }) => entry.subject);
    expect([status, subjects]).toEqual([7, ["1.0.0", "latest"]]);
    expect(await (await other.call("GET", "/v2/tools/image/manifests/latest")).text()).toBe(before);
    expect((await other.call("GET", "/v2/tools/image/manifests/v1")).status).toBe(200);
    const versions = (await (await other.call("GET", aboutPackage)).json()).versions;
    expect(versions).toHaveLength(3);
    await other.dispose();
    await registry.dispose();
  });

  test("a layout of another program is taken by its names", async () => {
    const registry = await filled();
    const layout = place();
    await exportTo(registry, layout);
    const index = readLayoutIndex(layout);
    const manifests = index.manifests
      .filter(({ artifactType }) => artifactType !== repositoryMediaType)
      .map(({ digest, mediaType, sizeBytes, annotations }) => ({
        digest,
        mediaType,
        sizeBytes,
        annotations: { "org.opencontainers.image.ref.name": annotations?.["org.opencontainers.image.ref.name"] ?? "" },
      }));
    writeFileSync(join(layout, "index.json"), formatManifest({ ...index, manifests }));
    const other = await openRegistryUnderTest();
    expect((await importFrom(layout, other)).status).toBe(0);
    const tags = await (await other.call("GET", "/v2/acme/web/tags/list")).json();
    expect(tags.tags).toEqual(["1.0.0", "1.1.0", "2.0.0-rc.1"]);
    await other.dispose();
    await registry.dispose();
  });

  test("what is no layout, or nothing, is an error of its own", async () => {
    const registry = await openRegistryUnderTest();
    expect((await importFrom(place(), registry)).stderr).toContain("store/not-a-layout");
    expect((await command(["import", "--data", registry.dataDirectory])).status).toBe(2);
    expect((await command(["export", "--data", place(), "--to", place()])).stderr).toContain("there is no registry");
    const empty = place();
    expect((await exportTo(registry, empty)).status).toBe(0);
    expect(existsSync(join(empty, "oci-layout"))).toBe(true);
    await registry.dispose();
  });
});

function spoilBlob(dataDirectory: string, bytes: Uint8Array<ArrayBuffer>): void {
  const folder = join(dataDirectory, "blobs/sha256");
  const path = readdirSync(folder).find((file) => Buffer.from(bytes).equals(readFileSync(join(folder, file))));
  spoilFile(join(folder, path ?? ""), encodeUtf8("a lay3r"));
}

function spoilFile(path: string, bytes: Uint8Array): void {
  chmodSync(path, 0o644);
  writeFileSync(path, bytes);
}
