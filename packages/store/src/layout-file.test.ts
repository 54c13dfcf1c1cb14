import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTarHeader, tarEndBytes, tarPaddingBytes } from "@cpm/archive";
import { hostileArchives } from "@cpm/archive/testing";
import { collectBytes, concatBytes, encodeUtf8, isCpmError, parseDigest } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { copyGraph } from "./copy-graph.ts";
import { createDirectoryStore } from "./directory-store.ts";
import type { DirectoryStore } from "./directory-store.ts";
import { digestOf, verifiedBytes } from "./hash.ts";
import { openLayoutFile, writeLayoutFile } from "./layout-file.ts";
import { MemoryStore } from "./memory-store.ts";
import { describeBytes, put } from "./testing/store.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-layout-file-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(scratch, `f${count++}`);

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return "nothing";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}

/** A manifest over one blob, under a tag. */
async function putPackage(store: DirectoryStore, tag: string, text: string): Promise<Descriptor> {
  const layer = describeBytes(encodeUtf8(text));
  await put(store, encodeUtf8(text));
  await put(store, encodeUtf8("{}"));
  const bytes = formatManifest({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    config: emptyDescriptor,
    layers: [layer],
    annotations: {},
  });
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length };
  await store.putManifest(descriptor, bytes, [tag]);
  return descriptor;
}

async function packed(...tags: readonly string[]): Promise<{ path: string; layout: string; roots: Descriptor[] }> {
  const layout = fresh();
  const store = createDirectoryStore(layout);
  const roots: Descriptor[] = [];
  for (const tag of tags) roots.push(await putPackage(store, tag, `content of ${tag}`));
  const path = fresh();
  writeLayoutFile(layout, path);
  return { path, layout, roots };
}

/** A container with other files than `writeLayoutFile` puts there. */
function container(files: Readonly<Record<string, string | Uint8Array>>): string {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const bytes = typeof content === "string" ? encodeUtf8(content) : content;
    const entry = { path, type: "file" as const, executable: false, sizeBytes: bytes.length };
    return [encodeTarHeader(entry), bytes, new Uint8Array(tarPaddingBytes(bytes.length))];
  });
  const path = fresh();
  writeFileSync(path, concatBytes([...parts, new Uint8Array(tarEndBytes)]));
  return path;
}

const marker = '{"imageLayoutVersion":"1.0.0"}';

describe("a packed layout", () => {
  test("is a store with the same content, and can be copied from", async () => {
    const { path, roots } = await packed("1.0.0");
    const store = await openLayoutFile(path);
    expect([await store.tags(), await store.resolve("1.0.0")]).toEqual([
      ["1.0.0"],
      expect.objectContaining(roots[0] ?? {}),
    ]);
    expect(await store.resolve("2.0.0")).toBeUndefined();
    const target = new MemoryStore();
    const [root] = roots;
    if (root === undefined) throw new Error("there is a root");
    await copyGraph(store, target, root, { tags: ["copied"] });
    expect(await target.resolve("copied")).toMatchObject({ digest: root.digest });
    const layer = describeBytes(encodeUtf8("content of 1.0.0"));
    const part = await collectBytes(store.read(layer, { offsetBytes: 3, lengthBytes: 4 }), 100);
    expect(new TextDecoder().decode(part)).toBe("tent");
    expect(await collectBytes(store.read(layer, { offsetBytes: 1000 }), 100)).toEqual(new Uint8Array(0));
    expect(await codeOf(() => collectBytes(store.read(describeBytes(encodeUtf8("not there"))), 100))).toBe(
      "store/not-found",
    );
  });

  test("of the same layout is the same file, and is written over nothing", async () => {
    const { path, layout } = await packed("1.0.0", "2.0.0");
    const again = fresh();
    writeLayoutFile(layout, again);
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
    const before = readFileSync(path);
    expect(await codeOf(() => writeLayoutFile(layout, path))).toMatch(/^store\//);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("holds as many packages as the layout", async () => {
    const { path } = await packed("1.0.0", "1.1.0");
    expect(await (await openLayoutFile(path)).tags()).toEqual(["1.0.0", "1.1.0"]);
  });

  test("that an interrupt stopped is not left behind", async () => {
    const { layout } = await packed("1.0.0");
    const path = fresh();
    const abort = new AbortController();
    abort.abort(new Error("stop"));
    expect(() => writeLayoutFile(layout, path, abort.signal)).toThrow("stop");
    expect(existsSync(path)).toBe(false);
  });

  test("that was cut off anywhere is refused, or lacks nothing that is read", async () => {
    const { path, roots } = await packed("1.0.0");
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 256) {
      const cut = fresh();
      writeFileSync(cut, whole);
      truncateSync(cut, length);
      expect([length, await codeOf(() => openLayoutFile(cut))]).toEqual([length, "store/not-a-layout"]);
    }
    expect(roots).toHaveLength(1);
  });

  test("with any byte of it changed is refused when it is opened or when it is read", async () => {
    const { path, roots } = await packed("1.0.0");
    const whole = readFileSync(path);
    const [root] = roots;
    if (root === undefined) throw new Error("there is a root");
    const broken = fresh();
    let opened = 0;
    for (let at = 0; at < whole.length; at += 37) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x21;
      writeFileSync(broken, bytes);
      const read = async (): Promise<void> => {
        const store = await openLayoutFile(broken);
        opened++;
        const tag = await store.resolve("1.0.0");
        if (tag?.digest !== root.digest) return;
        await copyGraph(store, new MemoryStore(), root);
        for await (const _chunk of verifiedBytes(store.read(root), root)) continue;
      };
      const code = await codeOf(read);
      // A byte of the index may change the tag; what is read under a digest is that or nothing.
      if (code !== "nothing")
        expect([at, code]).toEqual([at, expect.stringMatching(/^(store|manifest|oci|json|digest|descriptor)\//)]);
    }
    expect(opened).toBeGreaterThan(0);
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["nothing", {}, "store/not-a-layout"],
    ["no marker", { "index.json": '{"schemaVersion":2,"manifests":[]}' }, "store/not-a-layout"],
    ["a marker of another version", { "oci-layout": '{"imageLayoutVersion":"9"}' }, "store/not-a-layout"],
    ["a marker that is no JSON", { "oci-layout": "x" }, "store/not-a-layout"],
    ["an index that is no JSON", { "index.json": "[", "oci-layout": marker }, "oci/invalid-manifest"],
  ])("with %s is refused", async (_what, files, code) => {
    expect(await codeOf(() => openLayoutFile(container(files)))).toBe(code);
  });

  test("without an index is empty", async () => {
    expect(await (await openLayoutFile(container({ "oci-layout": marker }))).tags()).toEqual([]);
  });

  test("whose index names what is not there reads nothing of it", async () => {
    const digest = parseDigest(`sha256:${"a".repeat(64)}`);
    const annotations = { "org.opencontainers.image.ref.name": "1.0.0" };
    const entry = { mediaType: mediaTypes.manifest, digest, size: 10, annotations };
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] };
    const store = await openLayoutFile(container({ "index.json": JSON.stringify(index), "oci-layout": marker }));
    const found = await store.resolve("1.0.0");
    expect(found?.digest).toBe(digest);
    if (found === undefined) throw new Error("the tag is there");
    expect(await codeOf(() => collectBytes(store.read(found), 100))).toBe("store/not-found");
    expect(await store.referrers(digest)).toEqual([]);
  });

  test("that is a hostile archive is refused and touches nothing", async () => {
    let refused = 0;
    for (const { name, build, expect: expected } of hostileArchives) {
      const path = fresh();
      writeFileSync(path, build());
      const code = await codeOf(() => openLayoutFile(path));
      expect([name, code]).toEqual([name, "store/not-a-layout"]);
      if ("code" in expected) refused++;
    }
    expect(refused).toBeGreaterThan(10);
  });
});
