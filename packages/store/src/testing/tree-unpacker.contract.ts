import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { zstdFrameContentBytes } from "@cpm/archive";
import { hostileArchives } from "@cpm/archive/testing";
import { concatBytes, encodeUtf8, isCpmError } from "@cpm/base";
import type { ByteSource } from "@cpm/base";
import type { Descriptor, ReadOptions } from "@cpm/oci";
import { digestOf } from "../hash.ts";
import { listFiles } from "../list-files.ts";
import { openNodeStore } from "../node-store.ts";
import type { NodeStore, TreeRequest } from "../node-store.ts";
import { packLayer } from "../pack-layer.ts";
import { treeDigest } from "../tree-writer.ts";
import type { PackedContent, TreeUnpacker } from "../tree-unpacker.ts";

export type Files = Readonly<
  Record<string, string | Uint8Array | { readonly link: string } | { readonly program: string }>
>;

export const zstdLayer = "application/vnd.colonyos.cpm.content.v1.tar+zstd";
const gzipLayer = "application/vnd.colonyos.cpm.content.v1.tar+gzip";

/** A package's layers as a registry would give them. */
export interface Packed {
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly request: Omit<TreeRequest, "source">;
}

/** Packs one layer for each set of files. */
export async function packed(...layers: readonly Files[]): Promise<Packed> {
  const made = await Promise.all(layers.map(packFiles));
  return {
    blobs: new Map(made.map(({ content, bytes }) => [content.descriptor.digest, bytes])),
    request: { tree: treeDigest(made.map(({ listing }) => listing)), layers: made.map(({ content }) => content) },
  };
}

/** A layer of bytes that nobody packed. */
export function crafted(
  bytes: Uint8Array,
  contentBytes: number,
  mediaType: string = zstdLayer,
  entries = 1000,
): Packed {
  const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  return {
    blobs: new Map([[descriptor.digest, bytes]]),
    request: {
      tree: digestOf(encodeUtf8("none")),
      layers: [{ descriptor, declared: { sizeBytes: contentBytes, entries } }],
    },
  };
}

/** Serves blobs in chunks and remembers from where it was asked; fails after `failAfter` chunks. */
export function serve(blobs: Packed["blobs"], offsets: number[] = [], failAfter = Number.POSITIVE_INFINITY) {
  return {
    async *read({ digest }: Descriptor, { offsetBytes = 0 }: ReadOptions = {}): ByteSource {
      offsets.push(offsetBytes);
      const bytes = blobs.get(digest) ?? new Uint8Array(0);
      let chunks = 0;
      for (let at = offsetBytes; at < bytes.length; at += 300_000) {
        if (chunks++ === failAfter) throw new Error("the connection broke");
        yield bytes.subarray(at, Math.min(at + 300_000, bytes.length));
      }
    },
  };
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}

/** What holds for a node store, whoever unpacks for it. */
export function describeTreeUnpacker(name: string, create: () => TreeUnpacker): void {
  const scratch = mkdtempSync(join(tmpdir(), "cpm-unpackers-"));
  let count = 0;
  const fresh = () => join(scratch, `u${count++}`);
  const open = (): NodeStore => openNodeStore(fresh(), create());
  const leftOver = (store: NodeStore) => {
    const staging = join(store.root, "staging");
    return existsSync(staging) ? readdirSync(staging) : [];
  };

  describe(`trees unpacked ${name}`, () => {
    afterAll(() => {
      Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
      rmSync(scratch, { recursive: true, force: true });
    });
    // Incompressible, so that it is fetched in many chunks.
    const noise = Uint8Array.from({ length: 3 * zstdFrameContentBytes }, (_, at) => (at * 2654435761) >>> 13);
    const large = packed({ large: noise, small: "x" });

    test("are the union of the layers, read-only, and made once", async () => {
      const { blobs, request } = await packed(
        { "a/run": { program: "#!/bin/sh\n" }, "a/latest": { link: "run" }, empty: "" },
        { "a/more.txt": "z", "ü.txt": "y" },
      );
      const store = open();
      const wanted = { ...request, source: serve(blobs) };
      const [first, second] = await Promise.all([store.ensureTree(wanted), store.ensureTree(wanted)]);
      expect([first.present, second.present]).toEqual([false, true]);
      expect(readFileSync(join(first.path, "a/more.txt"), "utf8")).toBe("z");
      expect(readlinkSync(join(first.path, "a/latest"))).toBe("run");
      const modes = ["a", "a/run", "empty", ""].map((path) => lstatSync(join(first.path, path)).mode & 0o7777);
      expect(modes).toEqual([0o555, 0o555, 0o444, 0o555]);
      expect(store.damagedPaths(request.tree)).toEqual([]);
      expect(leftOver(store)).toEqual([]);
    });

    test("keep what was fetched, and count it", async () => {
      const { blobs, request } = await large;
      const store = open();
      let progressBytes = 0;
      const onProgress = (addedBytes: number) => void (progressBytes += addedBytes);
      await store.ensureTree({ ...request, source: serve(blobs), onProgress });
      const [[digest, bytes] = ["", new Uint8Array(0)]] = blobs;
      expect(progressBytes).toBe(bytes.length);
      expect(digestOf(readFileSync(store.blobs.pathOf(digestOf(bytes))))).toBe(digest as typeof request.tree);
      expect(store.damagedPaths(request.tree)).toEqual([]);
    });

    test("go on where a broken connection left them", async () => {
      const { blobs, request } = await large;
      const store = open();
      const offsets: number[] = [];
      const broken = { ...request, source: serve(blobs, offsets, 4) };
      await expect(store.ensureTree(broken)).rejects.toThrow("the connection broke");
      await expect(store.ensureTree(broken)).rejects.toThrow("the connection broke");
      expect(leftOver(store)).toEqual([]);
      await store.ensureTree({ ...request, source: serve(blobs, offsets) });
      expect(offsets).toEqual([0, 1_200_000, 2_400_000]);
      expect(store.damagedPaths(request.tree)).toEqual([]);
    });

    test("of bytes that were damaged on the way are refused for that, and nothing is kept for the next attempt", async () => {
      const { blobs, request } = await large;
      const store = open();
      const damaged = new Map([...blobs].map(([digest, bytes]) => [digest, bytes.slice().fill(0, 1000, 2000)]));
      expect(await codeOf(store.ensureTree({ ...request, source: serve(damaged) }))).toBe("store/digest-mismatch");
      const offsets: number[] = [];
      await store.ensureTree({ ...request, source: serve(blobs, offsets) });
      expect(offsets).toEqual([0]);
    });

    test("of bytes that are no layer are refused for what these are", async () => {
      const text = encodeUtf8("plain text, not zstd".repeat(100_000));
      expect(await refusal(crafted(text, 2048))).toBe("zstd/magic");
      expect(await refusal(crafted(text, 2048, gzipLayer))).toBe("gzip/header");
    });

    test("of two layers with one path, or other than declared, are refused", async () => {
      const { blobs, request } = await packed({ a: "x" }, { b: "y" });
      const twice = { ...request, layers: [...request.layers, ...request.layers] };
      expect(await refusal({ blobs, request: twice })).toBe("layer/collision");
      expect(await refusal({ blobs, request: { ...request, tree: digestOf(encodeUtf8("other")) } })).toBe(
        "node/tree-mismatch",
      );
    });

    test("of bombs are refused at the size that is declared", async () => {
      const zeros = new Uint8Array(50_000_000);
      expect(await refusal(crafted(new Uint8Array(gzipSync(zeros)), 2048, gzipLayer))).toMatch(
        /^(layer\/size|archive\/total-too-large)$/,
      );
      expect(await refusal(crafted(new Uint8Array(Bun.zstdCompressSync(zeros)), 2048))).toBe("zstd/frame-too-large");
    });

    test("of hostile archives leave nothing anywhere, and harmless ones stay in their place", async () => {
      const site = fresh();
      const canary = join(site, "canary");
      mkdirSync(canary, { recursive: true });
      writeFileSync(join(canary, "file"), "untouched");
      symlinkSync("file", join(canary, "link"));
      const store = openNodeStore(join(site, "node"), create());
      const before = listing(site, ["node/blobs", "node/ingest", "node/locks"]);
      const outcomes: string[] = [];
      for (const { name: archive, build, expect: expected } of hostileArchives) {
        const tar = build();
        const bytes = new Uint8Array(Bun.zstdCompressSync(tar.length === 0 ? new Uint8Array(1) : tar));
        const { blobs, request } = crafted(bytes, tar.length);
        const code = await codeOf(store.ensureTree({ ...request, source: serve(blobs) }));
        // A contained one has another number of entries than is declared here.
        const wanted = "code" in expected ? expected.code : "layer/entries";
        if (code !== (elsewhere[archive] ?? wanted)) outcomes.push(`${archive}: ${code} in place of ${wanted}`);
        expect(leftOver(store)).toEqual([]);
      }
      expect(outcomes).toEqual([]);
      expect(
        listing(site, ["node/blobs", "node/ingest", "node/locks"]).filter((path) => !before.includes(path)),
      ).toEqual(["node/staging"]);
      expect(readFileSync(join(canary, "file"), "utf8")).toBe("untouched");
      expect(hostileArchives.length).toBeGreaterThan(100);
    }, 120_000);

    async function refusal({ blobs, request }: Packed): Promise<string> {
      const store = open();
      const code = await codeOf(store.ensureTree({ ...request, source: serve(blobs) }));
      expect([store.holds(request.tree), ...leftOver(store)]).toEqual([false]);
      return code;
    }
  });
}

/** What is refused for another reason when it comes as a layer, whose declared sizes are checked as well. */
const elsewhere: Readonly<Record<string, string>> = {
  "no bytes at all": "zstd/total-too-large",
  "a file over its limit": "archive/truncated",
};

async function packFiles(files: Files) {
  const site = mkdtempSync(join(tmpdir(), "cpm-packed-"));
  try {
    const root = join(site, "root");
    mkdirSync(root);
    for (const [path, content] of Object.entries(files)) writeEntry(join(root, path), content);
    const target = join(site, "layer");
    const layer = await packLayer(
      listFiles(root, () => true),
      target,
    );
    const content: PackedContent = {
      descriptor: { mediaType: zstdLayer, digest: layer.digest, sizeBytes: layer.sizeBytes },
      declared: { sizeBytes: layer.contentBytes, entries: layer.entries },
    };
    return { content, listing: layer.listing, bytes: concatBytes([readFileSync(target)]) };
  } finally {
    rmSync(site, { recursive: true, force: true });
  }
}

function writeEntry(place: string, content: Files[string]): void {
  mkdirSync(dirname(place), { recursive: true });
  if (content === undefined) return;
  if (typeof content === "object" && "link" in content) symlinkSync(content.link, place);
  else if (typeof content === "object" && "program" in content) writeFileSync(place, content.program, { mode: 0o755 });
  else writeFileSync(place, content);
}

function listing(root: string, without: readonly string[]): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (path) => !without.some((folder) => path.startsWith(folder)),
  );
}
