import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { canonicalJson, collectBytes, decodeUtf8, encodeUtf8, parseJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { parseManifestBytes } from "@cpm/oci";
import { copyGraph, digestOf, MemoryStore, readManifestBytes } from "@cpm/store";
import { faultOf, manifest, Scratch } from "../testing/packages.ts";
import type { PackedPackage } from "./pack-package.ts";
import { readPackage } from "./read-package.ts";

const scratch = new Scratch();
let plain: PackedPackage;
let other: PackedPackage;
let several: PackedPackage;
beforeAll(async () => {
  const files = {
    "colony.yaml": manifest("a/plain", "1.0.0", 'payload: [{include: ["bin/**"]}]\n'),
    "templates/b.yaml": "kind: Function\nname: b\nspec: {funcname: f, conditions: {executortype: x}, maxexectime: 5}\n",
    "templates/sub/a.json": JSON.stringify({
      kind: "Function",
      name: "a",
      spec: { funcname: "f", conditions: { executortype: "x" }, maxexectime: 5 },
    }),
    "README.md": "# plain",
    LICENSE: "none",
    "bin/run.sh": "#!/bin/sh\n",
  };
  plain = await scratch.pack(files);
  other = await scratch.pack({ ...files, "colony.yaml": manifest("a/other", "1.0.0") });
  const rules = ["amd64", "arm64"].map((arch) => `  - {include: ["bin/${arch}"], platform: linux/${arch}}\n`);
  several = await scratch.pack({
    "colony.yaml": manifest("a/several", "1.0.0", `payload:\n${rules.join("")}`),
    "bin/amd64": "1",
    "bin/arm64": "2",
  });
});
afterAll(() => scratch.remove());

/** A copy of a package in memory, and a way to put other documents beside it. */
async function copyOf(packed: PackedPackage): Promise<{ store: MemoryStore; document: OciManifest }> {
  const store = new MemoryStore();
  await copyGraph(packed.store, store, packed.root);
  const document = parseManifestBytes(await readManifestBytes(store, packed.root), packed.root.mediaType);
  if (document.kind !== "manifest") throw new Error("it is an index");
  return { store, document };
}

async function putBlob(store: MemoryStore, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const content = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  const ingest = await store.ingest(content);
  await ingest?.write(bytes);
  await ingest?.commit();
  return content;
}

async function putDocument(store: MemoryStore, document: OciManifest | OciIndex): Promise<Descriptor> {
  const bytes = formatManifest(document);
  const descriptor = { mediaType: document.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  await store.putManifest(descriptor, bytes);
  return descriptor;
}

/** The package with another config. */
async function withConfig(change: (config: Record<string, unknown>) => void): Promise<[MemoryStore, Descriptor]> {
  const { store, document } = await copyOf(plain);
  const bytes = await collectBytes(store.read(document.config), 1_000_000);
  const config = parseJson(decodeUtf8(bytes)) as JsonObject & Record<string, unknown>;
  change(config);
  const changed = await putBlob(store, encodeUtf8(canonicalJson(config)), document.config.mediaType);
  return [store, await putDocument(store, { ...document, config: changed })];
}

describe("reading a package", () => {
  test("gives its manifest, texts and layers", async () => {
    const variant = await readPackage(plain.store, plain.root, "linux/amd64");
    expect(variant.manifest.name as string).toBe("a/plain");
    expect(variant.readme).toBe("# plain");
    expect(variant.templates.map(({ path }) => path)).toEqual([
      "a/plain/templates/b.yaml",
      "a/plain/templates/sub/a.json",
    ]);
    expect(variant.layers).toHaveLength(2);
    expect(variant.config.tree).toBe(plain.variants[0]?.tree as never);
  });

  test("takes the variant of the platform, and the first when none is asked for", async () => {
    const read = async (platform?: string) => (await readPackage(several.store, several.root, platform)).config.tree;
    const trees = several.variants.map(({ tree }) => tree);
    expect([await read("linux/amd64"), await read("linux/arm64"), await read()]).toEqual([
      trees[0] as never,
      trees[1] as never,
      trees[0] as never,
    ]);
  });

  test("that has nothing for the platform names those that it has", async () => {
    expect(await faultOf(() => readPackage(several.store, several.root, "darwin/arm64"))).toMatchObject({
      code: "package/no-platform",
      message: "the package has nothing for darwin/arm64",
      hint: "It has linux/amd64, linux/arm64.",
    });
  });

  test("of another kind of artifact is refused", async () => {
    const { store, document } = await copyOf(plain);
    const image = await putDocument(store, { ...document, artifactType: "application/vnd.other" });
    expect(await faultOf(() => readPackage(store, image, undefined))).toMatchObject({
      code: "package/not-a-package",
      message: expect.stringContaining("is no package: it is application/vnd.other"),
    });
    const { artifactType: _type, ...bare } = document;
    const docker = { ...bare, config: { ...document.config, mediaType: "application/vnd.oci.image.config.v1+json" } };
    expect((await faultOf(async () => readPackage(store, await putDocument(store, docker), undefined))).code).toBe(
      "package/not-a-package",
    );
  });

  test("whose config lists other layers than its manifest is refused", async () => {
    const { store, document } = await copyOf(plain);
    const short = await putDocument(store, { ...document, layers: document.layers.slice(0, 1) });
    expect((await faultOf(() => readPackage(store, short, undefined))).message).toContain(
      "config and manifest list other layers",
    );
  });

  test.each<[string, (config: Record<string, unknown>) => void]>([
    ["name", (config) => (config["name"] = "a/forged")],
    ["version", (config) => (config["version"] = "9.9.9")],
    ["requirements", (config) => (config["requires"] = { executors: [{ type: "other" }] })],
    ["inputs", (config) => (config["inputs"] = [{ key: "extra", type: "string", default: "x" }])],
  ])("whose config tells another %s than colony.yaml is refused", async (_what, change) => {
    const [store, root] = await withConfig(change);
    expect(await faultOf(() => readPackage(store, root, undefined))).toMatchObject({
      code: "package/not-a-package",
      message: expect.stringContaining("colony.yaml and the config tell different things"),
    });
  });

  test("whose config declares another content is refused by the reader", async () => {
    const change = (key: string, value: unknown) => (config: Record<string, unknown>) => {
      (config["layers"] as Record<string, unknown>[])[0] = {
        ...(config["layers"] as Record<string, unknown>[])[0],
        [key]: value,
      };
    };
    for (const [key, value] of [
      ["diffId", `sha256:${"0".repeat(64)}`],
      ["sizeBytes", 512],
      ["entries", 1],
    ] as const) {
      const [store, root] = await withConfig(change(key, value));
      expect([key, (await faultOf(() => readPackage(store, root, undefined))).code]).toEqual([
        key,
        expect.stringMatching(/^(store|archive|layer|zstd)\//),
      ]);
    }
  });

  test("whose config is not canonical, or of another shape, is refused", async () => {
    const { store, document } = await copyOf(plain);
    for (const text of ["{}", "[]", "not json", '{ "name": "a/plain" }']) {
      const config = await putBlob(store, encodeUtf8(text), document.config.mediaType);
      const root = await putDocument(store, { ...document, config });
      expect([text, (await faultOf(() => readPackage(store, root, undefined))).code]).toEqual([text, "config/invalid"]);
    }
  });

  test("whose first layer is another package's is refused", async () => {
    const { store, document } = await copyOf(plain);
    const foreign = await copyOf(other);
    const [layer] = foreign.document.layers;
    if (layer === undefined) throw new Error("there is no layer");
    await putBlob(store, await collectBytes(other.store.read(layer), 1_000_000), layer.mediaType);
    const root = await putDocument(store, { ...document, layers: [layer, ...document.layers.slice(1)] });
    expect((await faultOf(() => readPackage(store, root, undefined))).code).toMatch(/^(store|archive|layer|package)\//);
  });

  test("within an index that lies is refused", async () => {
    const { store } = await copyOf(plain);
    const index = (manifests: readonly Descriptor[]): OciIndex => {
      return { kind: "index", mediaType: mediaTypes.index, manifests, annotations: {} };
    };
    const nested = await putDocument(store, index([plain.root]));
    const twice = await putDocument(store, index([nested]));
    expect((await faultOf(() => readPackage(store, twice, undefined))).message).toContain("an index within an index");
    const empty = await putDocument(store, index([]));
    expect((await faultOf(() => readPackage(store, empty, undefined))).code).toBe("package/no-platform");
    const nameless = await putDocument(store, index([plain.root]));
    expect((await faultOf(() => readPackage(store, nameless, "linux/amd64"))).code).toBe("package/no-platform");
    const shrunk = await putDocument(store, index([plain.root]));
    expect((await readPackage(store, shrunk, undefined)).manifest.name as string).toBe("a/plain");
  });

  test("whose bytes were changed on the way is refused", async () => {
    const { store, document } = await copyOf(plain);
    const lying = {
      ...plain.store,
      stat: store.stat.bind(store),
      resolve: store.resolve.bind(store),
      tags: store.tags.bind(store),
      referrers: store.referrers.bind(store),
      async *read(content: Descriptor) {
        for await (const chunk of store.read(content)) {
          const bytes = chunk.slice();
          if (content.digest === document.config.digest) bytes[5] = (bytes[5] ?? 0) ^ 1;
          yield bytes;
        }
      },
    };
    expect((await faultOf(() => readPackage(lying, plain.root, undefined))).code).toBe("store/digest-mismatch");
  });
});
