import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeTarHeader, tarEndBytes, tarPaddingBytes } from "@cpm/archive";
import { collectBytes, concatBytes, encodeUtf8, isCpmError } from "@cpm/base";
import type { Digest } from "@cpm/base";
import type { Lockfile, PackageName } from "@cpm/model";
import { BundleSet, collectPackages, parsePackageSource, placePackage, verifyBundles } from "@cpm/operations";
import { blobPath, openLayoutFile, openNodeStore } from "@cpm/store";
import fc from "fast-check";
import { failure } from "../failure.ts";
import { offlineAccess, open, Site, world } from "./site.ts";

let site: Site;
let lock: Lockfile;
let path: string;
let trees: readonly string[];

beforeAll(async () => {
  site = await Site.open();
  lock = await site.publishPipeline();
  [path = ""] = (await site.create(lock)).paths;
  const placed = await place([path]);
  trees = placed.trees;
  expect(trees).toHaveLength(2);
});
afterAll(async () => site.close());

/** Installs as far as it goes; answers what lies in the node store then. */
async function place(
  paths: readonly string[],
): Promise<{ readonly error?: unknown; readonly trees: readonly string[] }> {
  const root = site.path("node");
  const node = openNodeStore(root);
  let error: unknown;
  try {
    const access = offlineAccess(await open(...paths), site.path("scratch"));
    const packages = await collectPackages(parsePackageSource("rise/pipe"), access, { world });
    for (const { variant } of packages) await placePackage(variant, node, () => {});
  } catch (thrown) {
    error = thrown;
  }
  const found = list(join(root, "trees/sha256")).toSorted();
  expect(list(join(root, "staging"))).toEqual([]);
  return { trees: found, ...(error === undefined ? {} : { error }) };
}

function list(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Another file with these bytes. */
function written(bytes: Uint8Array): string {
  const file = site.path();
  writeFileSync(file, bytes);
  return file;
}

function flipped(bytes: Uint8Array, at: number, by: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ by;
  return copy;
}

/** The files of a bundle with their contents, in order. */
async function filesOf(file: string): Promise<Map<string, Uint8Array>> {
  const layout = await openLayoutFile(file);
  const found = new Map<string, Uint8Array>();
  for (const name of layout.paths) found.set(name, await collectBytes(layout.readFile(name), 1e9));
  return found;
}

type Entry = Parameters<typeof encodeTarHeader>[0] & { readonly bytes?: Uint8Array };

function container(entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap(({ bytes = new Uint8Array(0), ...entry }) => [
    encodeTarHeader(entry),
    bytes,
    new Uint8Array(tarPaddingBytes(bytes.length)),
  ]);
  return concatBytes([...parts, new Uint8Array(tarEndBytes)]);
}

function fileEntry(name: string, bytes: Uint8Array): Entry {
  return { path: name, type: "file", executable: false, sizeBytes: bytes.length, bytes };
}

const folders = ["blobs", "blobs/sha256"].map((name): Entry => ({
  path: name,
  type: "directory",
  executable: false,
  sizeBytes: 0,
}));

/** The same bundle with other files. */
async function forge(change: (files: Map<string, Uint8Array>) => void): Promise<string> {
  const files = await filesOf(path);
  change(files);
  return written(container([...folders, ...[...files].map(([name, bytes]) => fileEntry(name, bytes))]));
}

describe("a bundle with one other byte", () => {
  test("is refused by verify wherever it is, and never installs anything else", async () => {
    const bytes = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const file = written(flipped(bytes, at, by));
        expect((await failure(async () => verifyBundles(await open(file)))).kind).toBe("data_loss");
        const { error, trees: placed } = await place([file]);
        expect(placed.filter((tree) => !trees.includes(tree))).toEqual([]);
        if (error === undefined) expect(placed).toEqual(trees);
        else if (!isCpmError(error)) throw error;
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  test("in a layer is named with the file and both digests (bundle/damaged)", async () => {
    const [layer] = lock.packages[0]?.variants[0]?.layers ?? [];
    const digest = layer?.digest as Digest;
    const bytes = readFileSync(path);
    const at = bytes.indexOf((await filesOf(path)).get(blobPath(digest)) ?? "");
    const file = written(flipped(bytes, at + 5, 1));
    const error = await failure(async () => verifyBundles(await open(file)));
    expect([error.code, error.kind]).toEqual(["bundle/damaged", "data_loss"]);
    expect(error.message).toContain(digest);
    expect(error.message.match(/sha256:[0-9a-f]{64}/g)).toHaveLength(2);
    expect(error.message).toContain(file);
    expect((await place([file])).error).toBeDefined();
  });

  test("in a part is named with the part", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    await site.universe.publish("rise/noise", "1.0.0", {
      files: { "payload/a": noise, "payload/b": noise.toReversed() },
    });
    const { paths } = await site.create(await site.lock({ "rise/noise": "^1" }), { maxPartBytes: 65_536 });
    const [, second = ""] = paths;
    writeFileSync(second, flipped(readFileSync(second), 30_000, 1));
    const error = await failure(async () => verifyBundles(await open(paths[0] ?? "")));
    expect(error.code).toBe("split/part-damaged");
    expect(error.message).toContain(second.split("/").at(-1) ?? "?");
    writeFileSync(second, flipped(readFileSync(second), 600, 1));
    // What it says of itself is another thing now, so it may count as a part of something else.
    expect((await failure(() => open(paths[0] ?? ""))).code).toMatch(/^split\/part-(?:damaged|foreign)$/);
    truncateSync(second, 40_000);
    expect((await failure(() => open(paths[0] ?? ""))).code).toMatch(/^split\/part-(?:damaged|foreign)$/);
    renameSync(paths[0] ?? "", second);
    expect((await failure(() => open(second))).code).toBe("split/part-missing");
  });
});

describe("what is no bundle, or no whole one", () => {
  const invalid = async (file: string): Promise<string> => {
    const error = await failure(() => open(file));
    expect([error.code, error.kind, error.hint !== undefined]).toEqual(["bundle/invalid", "data_loss", true]);
    return error.message;
  };

  test("cut off anywhere", async () => {
    const bytes = readFileSync(path);
    for (const length of [0, 1, 511, 512, 4000, bytes.length - 1024, bytes.length - 1])
      await invalid(written(bytes.subarray(0, length)));
    await invalid(written(concatBytes([bytes, new Uint8Array(512)])));
  });

  test("another file, another layout, another artifact", async () => {
    await invalid(written(encodeUtf8("not a bundle at all")));
    await invalid(written(container([fileEntry("oci-layout", encodeUtf8('{"imageLayoutVersion":"1.0.0"}'))])));
    expect(await invalid(await forge((files) => files.delete("index.json")))).toContain("0 bundles");
  });

  test("hostile archives", async () => {
    const bytes = encodeUtf8("x");
    const all = [...(await filesOf(path))].map(([name, content]) => fileEntry(name, content));
    for (const extra of ["../evil", "/etc/evil", "blobs/sha256/../../evil", "zzz"])
      await invalid(written(container([...folders, ...all, fileEntry(extra, bytes)])));
    const index = all.find((entry) => entry.path === "index.json");
    if (index === undefined) throw new Error("a bundle has an index");
    await invalid(written(container([...folders, ...all, index])));
    const link: Entry = { path: "zlink", type: "symlink", executable: false, sizeBytes: 0, linkTarget: "/etc/passwd" };
    await invalid(written(container([...folders, ...all, link])));
  });

  test("an index that is huge or deep", async () => {
    const huge = await forge((files) => files.set("index.json", new Uint8Array(65 * 1024 * 1024).fill(0x20)));
    expect(await invalid(huge)).toContain("index.json");
    await invalid(await forge((files) => files.set("index.json", encodeUtf8("[".repeat(100_000)))));
    // A size that the file does not have is believed to nobody.
    const header = encodeTarHeader({ path: "index.json", type: "file", executable: false, sizeBytes: 2 ** 39 });
    await invalid(written(header));
  });

  test("something that the lockfile names is not there (bundle/incomplete)", async () => {
    const [layer] = lock.packages[0]?.variants[0]?.layers ?? [];
    const file = await forge((files) => files.delete(blobPath(layer?.digest as Digest)));
    expect((await failure(async () => verifyBundles(await open(file)))).code).toBe("bundle/incomplete");
    expect((await place([file])).error).toMatchObject({ code: "bundle/incomplete" });
    const [signature] = lock.packages[0]?.evidence ?? [];
    const unsigned = await forge((files) => files.delete(blobPath(signature as Digest)));
    expect((await failure(async () => verifyBundles(await open(unsigned)))).code).toBe("bundle/incomplete");
  });

  test("something is there that the lockfile does not name (bundle/disagrees)", async () => {
    const name = `blobs/sha256/${"f".repeat(64)}`;
    const stray = await forge((files) => {
      const rest = [...files].filter(([key]) => !key.startsWith("blobs/"));
      for (const [key] of rest) files.delete(key);
      files.set(name, encodeUtf8("stray"));
      for (const [key, value] of rest) files.set(key, value);
    });
    expect((await failure(async () => verifyBundles(await open(stray)))).kind).toBe("data_loss");
    const renamed = await forge((files) => {
      const text = new TextDecoder().decode(files.get("index.json"));
      files.set("index.json", encodeUtf8(text.replace("rise/pipe:2.0.0", "rise/pipe:2.0.1")));
    });
    expect((await failure(async () => verifyBundles(await open(renamed)))).code).toBe("bundle/disagrees");
  });

  test("two bundles with other bytes of one version (bundle/conflict)", async () => {
    const { bundles } = await open(path);
    const [bundle] = bundles;
    if (bundle === undefined) throw new Error("there is one");
    const digest = `sha256:${"d".repeat(64)}` as Digest;
    const packages = bundle.lock.packages.map((entry) => ({ ...entry, digest }));
    const error = await failure(() => new BundleSet([bundle, { ...bundle, lock: { ...bundle.lock, packages } }]));
    expect(error.code).toBe("bundle/conflict");
    expect(error.message).toContain(digest);
  });
});

test("a bundle that cannot be written whole leaves nothing", async () => {
  const folder = site.path("out");
  mkdirSync(folder);
  const access = site.fresh();
  const [layer] = lock.packages[0]?.variants[0]?.layers ?? [];
  const { createBundle } = await import("@cpm/operations");
  const broken = {
    ...access,
    reader: (host: string, name: PackageName) => {
      const source = access.reader(host, name);
      return {
        stat: source.stat.bind(source),
        resolve: source.resolve.bind(source),
        tags: source.tags.bind(source),
        referrers: source.referrers.bind(source),
        read: ((content, options) => {
          if (content.digest !== layer?.digest) return source.read(content, options);
          return (async function* () {
            yield new Uint8Array(content.sizeBytes);
          })();
        }) as typeof source.read,
      };
    },
  };
  for (const maxPartBytes of [undefined, 65_536]) {
    const request = { lock, path: join(folder, "app.bundle"), maxPartBytes };
    expect((await failure(() => createBundle(request, broken))).code).toBe("store/digest-mismatch");
    expect(readdirSync(folder)).toEqual([]);
  }
});
