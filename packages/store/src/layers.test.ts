import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { zstdFrameContentBytes } from "@cpm/archive";
import { hostileArchives } from "@cpm/archive/testing";
import { concatBytes, encodeUtf8, isCpmError } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import fc from "fast-check";
import { readFileBytes } from "./files.ts";
import { digestOf } from "./hash.ts";
import { listFiles } from "./list-files.ts";
import { MemoryStore } from "./memory-store.ts";
import { openNodeStore } from "./node-store.ts";
import type { TreeRequest } from "./node-store.ts";
import { packLayer } from "./pack-layer.ts";
import type { PackedLayer } from "./pack-layer.ts";
import { readLayer } from "./read-layer.ts";
import { put } from "./testing/store.contract.ts";
import { treeDigest, TreeWriter } from "./tree-writer.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-layers-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;
const fresh = () => join(scratch, `l${count++}`);
const zstd = "application/vnd.colonyos.cpm.content.v1.tar+zstd";

type Files = Readonly<Record<string, string | Uint8Array | { readonly link: string } | { readonly program: string }>>;

function writeTree(files: Files): string {
  const root = fresh();
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path);
    mkdirSync(dirname(place), { recursive: true });
    if (typeof content === "object" && "link" in content) symlinkSync(content.link, place);
    else if (typeof content === "object" && "program" in content) {
      writeFileSync(place, content.program);
      chmodSync(place, 0o755);
    } else writeFileSync(place, content);
  }
  return root;
}

async function pack(root: string): Promise<{ layer: PackedLayer; path: string; descriptor: Descriptor }> {
  const path = fresh();
  const layer = await packLayer(
    listFiles(root, () => true),
    path,
  );
  return { layer, path, descriptor: { mediaType: zstd, digest: layer.digest, sizeBytes: layer.sizeBytes } };
}

async function unpack(
  path: string,
  descriptor: Descriptor,
  declared: { sizeBytes: number; entries: number },
): Promise<string> {
  const root = fresh();
  mkdirSync(root);
  const writer = new TreeWriter(root);
  try {
    await readLayer(readFileBytes(path), descriptor, declared, writer);
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return root;
}

const sample: Files = {
  "colony.yaml": "name: a/b\n",
  "bin/run": { program: "#!/bin/sh\n" },
  "bin/latest": { link: "run" },
  "data/empty": "",
  "data/ünïcode.txt": "x",
  "data/deep/a/b/c.txt": "y".repeat(3000),
};

describe("packing and reading a layer", () => {
  test("gives the same tree, and packing that gives the same digests", async () => {
    const first = await pack(writeTree(sample));
    const back = await unpack(first.path, first.descriptor, {
      sizeBytes: first.layer.contentBytes,
      entries: first.layer.entries,
    });
    expect(snapshot(back)).toEqual(snapshot(writeTree(sample)));
    const second = await pack(back);
    expect({ ...second.layer, listing: [...second.layer.listing] }).toEqual({
      ...first.layer,
      listing: [...first.layer.listing],
    });
  });

  test("holds for generated trees", async () => {
    const name = fc.stringMatching(/^[a-z]{1,6}$/);
    const tree = fc.dictionary(
      fc
        .array(name, { minLength: 1, maxLength: 3 })
        .map((parts) => parts.map((part, index) => `${part}${index}`).join("/")),
      fc.uint8Array({ maxLength: 3000 }),
      { maxKeys: 8 },
    );
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const usable = Object.fromEntries(
          Object.entries(files).filter(([path]) => !Object.keys(files).some((other) => other.startsWith(`${path}/`))),
        );
        const first = await pack(writeTree(usable));
        const back = await unpack(first.path, first.descriptor, {
          sizeBytes: first.layer.contentBytes,
          entries: first.layer.entries,
        });
        expect((await pack(back)).layer.digest).toBe(first.layer.digest);
      }),
      { numRuns: 25 },
    );
  }, 30_000);

  test("depends on nothing but names, contents and the right to execute", async () => {
    const plain = await pack(writeTree(sample));
    const reordered = writeTree(Object.fromEntries(Object.entries(sample).toReversed()));
    for (const path of ["colony.yaml", "data/empty"]) {
      chmodSync(join(reordered, path), 0o600);
      utimesSync(join(reordered, path), 1, 1);
    }
    chmodSync(join(reordered, "data"), 0o700);
    if (process.getuid?.() === 0) Bun.spawnSync(["chown", "-R", "1234:4321", reordered]);
    const other = await pack(reordered);
    expect([other.layer.diffId, other.layer.digest]).toEqual([plain.layer.diffId, plain.layer.digest]);
    chmodSync(join(reordered, "colony.yaml"), 0o755);
    expect((await pack(reordered)).layer.diffId).not.toBe(plain.layer.diffId);
  });

  test("cuts large content into frames and reads them back", async () => {
    const large = Uint8Array.from({ length: 2 * zstdFrameContentBytes + 12_345 }, (_, at) => (at * 2654435761) >>> 13);
    const { path, descriptor, layer } = await pack(writeTree({ large }));
    const back = await unpack(path, descriptor, { sizeBytes: layer.contentBytes, entries: 1 });
    expect(digestOf(readFileSync(join(back, "large")))).toBe(digestOf(large));
  });

  test("an empty directory tree is a layer", async () => {
    const { path, descriptor, layer } = await pack(writeTree({}));
    expect(readdirSync(await unpack(path, descriptor, { sizeBytes: layer.contentBytes, entries: 0 }))).toEqual([]);
  });
});

describe("what cannot be packed", () => {
  const codeOfPack = async (root: string) => codeOf(async () => pack(root));

  test("a socket or FIFO", async () => {
    const root = writeTree({ a: "x" });
    Bun.spawnSync(["mkfifo", join(root, "pipe")]);
    expect(await codeOfPack(root)).toBe("pack/unsupported-file");
  });

  test.each(["a:b", "CON", "x.", "tab\tname", "e\u0301"])("the name %j", async (name) => {
    expect(await codeOfPack(writeTree({ [name]: "x" }))).toBe("pack/unsupported-file");
  });

  test.each([
    ["/etc/passwd", "archive/link-absolute"],
    ["../outside", "archive/link-escape"],
    ["nowhere", "archive/link-dangling"],
  ])("a symlink to %s", async (link, code) => {
    const root = writeTree({ link: { link } });
    expect(await codeOfPack(root)).toBe(code);
    expect(readdirSync(scratch).filter((name) => name === `l${count - 1}`)).toEqual([]);
  });

  test("a file that grows meanwhile", async () => {
    const root = writeTree({ a: "x" });
    const entries = listFiles(root, () => true);
    writeFileSync(join(root, "a"), "longer");
    expect(await codeOf(async () => packLayer(entries, fresh()))).toBe("pack/file-changed");
  });
});

describe("a layer that is not what it should be", () => {
  const whole = pack(writeTree(sample));
  const declaredOf = (layer: PackedLayer) => ({ sizeBytes: layer.contentBytes, entries: layer.entries });

  async function outcome(
    change: (bytes: Uint8Array) => Uint8Array,
    options: {
      mediaType?: string;
      declared?: Partial<{ sizeBytes: number; entries: number }>;
      keepDigest?: boolean;
    } = {},
  ): Promise<string> {
    const { path, descriptor, layer } = await whole;
    const bytes = change(new Uint8Array(readFileSync(path)));
    const changed =
      options.keepDigest === true ? descriptor : { ...descriptor, digest: digestOf(bytes), sizeBytes: bytes.length };
    const place = fresh();
    writeFileSync(place, bytes);
    return codeOf(async () =>
      unpack(
        place,
        { ...changed, mediaType: options.mediaType ?? zstd },
        { ...declaredOf(layer), ...options.declared },
      ),
    );
  }
  const same = (bytes: Uint8Array) => bytes;

  test("is refused, each for its own reason", async () => {
    const flip = (bytes: Uint8Array) => {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes;
    };
    expect(await outcome(flip, { keepDigest: true })).toMatch(/^(store\/digest-mismatch|layer\/decode)$/);
    expect(await outcome((bytes) => bytes.subarray(0, -3))).toBe("zstd/truncated");
    expect(await outcome((bytes) => bytes.subarray(0, -3), { keepDigest: true })).toMatch(
      /^(store\/too-short|zstd\/truncated)$/,
    );
    expect(await outcome((bytes) => concatBytes([bytes, new Uint8Array(5)]))).toBe("zstd/magic");
    expect(await outcome((bytes) => concatBytes([bytes, bytes]))).toMatch(
      /^(zstd\/total-too-large|archive\/trailing-data)$/,
    );
    expect(await outcome((bytes) => concatBytes([bytes, Uint8Array.of(1)]), { keepDigest: true })).toBe(
      "store/too-long",
    );
    expect(await outcome(same, { declared: { entries: 3 } })).toBe("archive/too-many-entries");
    expect(await outcome(same, { declared: { entries: 300 } })).toBe("layer/entries");
    expect(await outcome(same, { declared: { sizeBytes: 2048 } })).toBe("zstd/total-too-large");
    expect(await outcome(same, { declared: { sizeBytes: 1_000_000 } })).toBe("layer/size");
    expect(await outcome(same, { mediaType: "application/x-tar" })).toBe("layer/media-type");
    expect(await outcome(same, { mediaType: "application/vnd.colonyos.cpm.content.v1.tar+gzip" })).toBe("gzip/header");
    expect(await outcome(() => encodeUtf8("plain text, not zstd"))).toBe("zstd/magic");
  });

  test("may be gzip, of one plain member", async () => {
    const { path, layer } = await whole;
    const tar = Bun.zstdDecompressSync(readFileSync(path));
    const gzip = new Uint8Array(gzipSync(tar));
    const read = async (bytes: Uint8Array) => {
      const place = fresh();
      writeFileSync(place, bytes);
      const descriptor = {
        mediaType: "application/vnd.colonyos.cpm.content.v1.tar+gzip",
        digest: digestOf(bytes),
        sizeBytes: bytes.length,
      };
      return codeOf(async () => unpack(place, descriptor, declaredOf(layer)));
    };
    expect(await read(gzip)).toBe("none");
    expect(await read(concatBytes([gzip, new Uint8Array(8)]))).toMatch(/^(layer|archive)\//);
    expect(await read(concatBytes([gzip, gzip]))).toMatch(/^(layer|archive)\//);
    expect(await read(concatBytes([gzip, encodeUtf8("garbage that trails")]))).toMatch(/^(layer|archive)\//);
    expect(await read(gzip.subarray(0, -5))).toBe("layer/decode");
    const badCrc = gzip.slice();
    badCrc[badCrc.length - 7] = (badCrc.at(-7) ?? 0) ^ 1;
    expect(await read(badCrc)).toBe("layer/decode");
    const named = gzip.slice();
    named[3] = 8;
    expect(await read(named)).toBe("gzip/header");
  });

  test("a bomb is stopped at its declared size (case 77)", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    const place = fresh();
    writeFileSync(place, bomb);
    const descriptor = {
      mediaType: "application/vnd.colonyos.cpm.content.v1.tar+gzip",
      digest: digestOf(bomb),
      sizeBytes: bomb.length,
    };
    expect(await codeOf(async () => unpack(place, descriptor, { sizeBytes: 2048, entries: 1 }))).toMatch(
      /^(layer\/size|archive\/total-too-large)$/,
    );
  });

  test("no hostile archive leaves anything outside its directory", async () => {
    const canary = fresh();
    writeFileSync(canary, "untouched");
    let refused = 0;
    for (const { build, expect: expected } of hostileArchives) {
      const tar = build();
      const bytes = new Uint8Array(Bun.zstdCompressSync(tar.length === 0 ? new Uint8Array(1) : tar));
      const place = fresh();
      writeFileSync(place, bytes);
      const before = readdirSync(scratch).length;
      const code = await codeOf(async () =>
        unpack(
          place,
          { mediaType: zstd, digest: digestOf(bytes), sizeBytes: bytes.length },
          { sizeBytes: tar.length, entries: 1000 },
        ),
      );
      expect(readdirSync(scratch).length).toBe(before + 1);
      if ("code" in expected) refused++;
      expect(code === "none" || code === "layer/entries").toBe("contained" in expected);
    }
    expect(refused).toBeGreaterThan(100);
    expect(readFileSync(canary, "utf8")).toBe("untouched");
  });
});

describe("the node store", () => {
  async function request(files: Files, payload: Files = {}): Promise<TreeRequest> {
    const source = new MemoryStore();
    const packed = [
      await pack(writeTree(files)),
      ...(Object.keys(payload).length === 0 ? [] : [await pack(writeTree(payload))]),
    ];
    for (const { path, descriptor } of packed) await put(source, new Uint8Array(readFileSync(path)), descriptor);
    return {
      tree: treeDigest(packed.map(({ layer }) => layer.listing)),
      source,
      layers: packed.map(({ descriptor, layer }) => ({
        descriptor,
        declared: { sizeBytes: layer.contentBytes, entries: layer.entries },
      })),
    };
  }

  test("keeps refs apart and finds them by one readlink", async () => {
    const store = openNodeStore(fresh());
    const wanted = await request(sample);
    const { path } = await store.ensureTree(wanted);
    expect(store.resolveRef("rise/wordcount", "1.0.0")).toBeUndefined();
    store.setRef("rise/wordcount", "1.0.0", wanted.tree);
    expect(store.resolveRef("rise/wordcount", "1.0.0")).toBe(path);
    expect(store.removeRef("rise/wordcount", "1.0.0")).toBe(true);
    expect(store.removeRef("rise/wordcount", "1.0.0")).toBe(false);
  });

  test("notices a file that was changed", async () => {
    const store = openNodeStore(fresh());
    const wanted = await request(sample);
    const { path } = await store.ensureTree(wanted);
    chmodSync(join(path, "colony.yaml"), 0o644);
    writeFileSync(join(path, "colony.yaml"), "name: c/d\n");
    expect(store.damagedPaths(wanted.tree)).toEqual(["colony.yaml"]);
  });

  test("a newer layout is not touched", () => {
    const root = fresh();
    openNodeStore(root);
    writeFileSync(join(root, "VERSION"), "2\n");
    expect(() => openNodeStore(root)).toThrow(expect.objectContaining({ code: "node/layout-version" }));
  });

  test("a process killed at any step leaves a whole tree or none, and the next one finishes", async () => {
    const wanted = await request(sample, { "data/more.txt": "z" });
    const layout = fresh();
    const script = join(import.meta.dir, "testing", "place-and-die.ts");
    const job = join(scratch, "job.json");
    for (const { descriptor } of wanted.layers) {
      mkdirSync(join(layout, "blobs", "sha256"), { recursive: true });
      const bytes = await Array.fromAsync(wanted.source.read(descriptor));
      writeFileSync(join(layout, "blobs", "sha256", descriptor.digest.slice(7)), concatBytes(bytes));
    }
    writeFileSync(job, JSON.stringify({ layout, tree: wanted.tree, layers: wanted.layers }));
    const failpoints = [
      "blob/written",
      "blob/synced",
      "blob/renamed",
      "node/layer-unpacked",
      "node/tree-synced",
      "node/tree-renamed",
      "node/ref-created",
    ];
    for (const failpoint of failpoints) {
      const root = fresh();
      const run = (env: Record<string, string>) =>
        Bun.spawn([process.execPath, script, root, job], { env: { ...process.env, ...env }, stderr: "inherit" });
      const killed = run({ CPM_TEST: "1", CPM_FAILPOINT: failpoint });
      await killed.exited;
      expect([failpoint, killed.signalCode]).toEqual([failpoint, "SIGKILL"]);
      const survivor = openNodeStore(root);
      expect(existsSync(join(root, "staging")) ? readdirSync(join(root, "staging")) : []).toEqual([]);
      if (survivor.holds(wanted.tree)) expect(survivor.damagedPaths(wanted.tree)).toEqual([]);
      const reference = survivor.resolveRef("a/b", "1.0.0");
      if (reference !== undefined) expect(existsSync(reference)).toBe(true);
      expect(await run({}).exited).toBe(0);
      expect(survivor.damagedPaths(wanted.tree)).toEqual([]);
      expect(survivor.resolveRef("a/b", "1.0.0")).toBe(survivor.treePath(wanted.tree));
    }
  }, 60_000);
});

/** Everything about a tree that a package keeps. */
function snapshot(root: string): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const entry of listFiles(root, () => true)) {
    const kind = entry.type === "symlink" ? `-> ${entry.linkTarget}` : entry.executable ? "program" : entry.type;
    seen[entry.path] = entry.type === "file" ? `${kind} ${digestOf(readFileSync(entry.source))}` : kind;
  }
  return seen;
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return "none";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}
