import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdFrameContentBytes } from "@cpm/archive";
import { concatBytes, isCpmError } from "@cpm/base";
import type { ByteSource } from "@cpm/base";
import type { Descriptor, ReadOptions } from "@cpm/oci";
import { FileSystemSync } from "./file-system-sync.ts";
import { digestOf } from "./hash.ts";
import { listFiles } from "./list-files.ts";
import { openNodeStore } from "./node-store.ts";
import type { TreeRequest } from "./node-store.ts";
import { packLayer } from "./pack-layer.ts";
import { readLayer } from "./read-layer.ts";
import { treeDigest } from "./tree-writer.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-place-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;
const fresh = () => join(scratch, `p${count++}`);
const zstd = "application/vnd.colonyos.cpm.content.v1.tar+zstd";

/** A layer of a large file that nothing compresses and a small one. */
async function packed(): Promise<{ bytes: Uint8Array; content: Descriptor; request: Omit<TreeRequest, "source"> }> {
  const root = fresh();
  mkdirSync(root);
  const noise = Uint8Array.from({ length: 3 * zstdFrameContentBytes }, (_, at) => (at * 2654435761) >>> 13);
  writeFileSync(join(root, "large"), noise);
  writeFileSync(join(root, "small"), "x");
  const path = fresh();
  const layer = await packLayer(
    listFiles(root, () => true),
    path,
  );
  const bytes = new Uint8Array(readFileSync(path));
  const content = { mediaType: zstd, digest: layer.digest, sizeBytes: layer.sizeBytes };
  const declared = { sizeBytes: layer.contentBytes, entries: layer.entries };
  return {
    bytes,
    content,
    request: { tree: treeDigest([layer.listing]), layers: [{ descriptor: content, declared }] },
  };
}

/** Serves bytes in chunks and remembers from where it was asked; fails after `failAfter` chunks. */
function serve(bytes: Uint8Array, offsets: number[], failAfter = Number.POSITIVE_INFINITY) {
  return {
    async *read(_: Descriptor, { offsetBytes = 0 }: ReadOptions = {}): ByteSource {
      offsets.push(offsetBytes);
      let chunks = 0;
      for (let at = offsetBytes; at < bytes.length; at += 300_000) {
        if (chunks++ === failAfter) throw new Error("the connection broke");
        yield bytes.subarray(at, Math.min(at + 300_000, bytes.length));
      }
    },
  };
}

describe("a layer that is unpacked while it arrives", () => {
  const whole = packed();

  test("is kept as it came, and its tree is whole", async () => {
    const { bytes, content, request } = await whole;
    const store = openNodeStore(fresh());
    let progressBytes = 0;
    const { path } = await store.ensureTree({
      ...request,
      source: serve(bytes, []),
      onProgress: (addedBytes) => void (progressBytes += addedBytes),
    });
    expect(progressBytes).toBe(bytes.length);
    expect(digestOf(readFileSync(store.blobs.pathOf(content.digest)))).toBe(content.digest);
    expect(readFileSync(join(path, "small"), "utf8")).toBe("x");
    expect(await store.verifyTree(request.tree)).toEqual([]);
  });

  test("goes on where a broken connection left it", async () => {
    const { bytes, request } = await whole;
    const store = openNodeStore(fresh());
    const offsets: number[] = [];
    const broken = { ...request, source: serve(bytes, offsets, 4) };
    await expect(store.ensureTree(broken)).rejects.toThrow("the connection broke");
    await expect(store.ensureTree(broken)).rejects.toThrow("the connection broke");
    expect(readdirSync(join(store.root, "staging"))).toEqual([]);
    await store.ensureTree({ ...request, source: serve(bytes, offsets) });
    expect(offsets).toEqual([0, 1_200_000, 2_400_000]);
    expect(await store.verifyTree(request.tree)).toEqual([]);
  });

  test("and was damaged on the way is said to be so, and not kept for the next attempt", async () => {
    const { bytes, content, request } = await whole;
    const store = openNodeStore(fresh());
    const damaged = bytes.slice();
    damaged.fill(0, 1000, 2000);
    expect(await codeOf(store.ensureTree({ ...request, source: serve(damaged, []) }))).toBe("store/digest-mismatch");
    expect(store.blobs.stat(content.digest)).toBeUndefined();
    const offsets: number[] = [];
    await store.ensureTree({ ...request, source: serve(bytes, offsets) });
    expect(offsets).toEqual([0]);
  });

  test("and is no layer is refused for what it is, though its digest is right", async () => {
    const { request } = await whole;
    const store = openNodeStore(fresh());
    const bytes = new TextEncoder().encode("plain text, not zstd".repeat(100_000));
    const descriptor = { mediaType: zstd, digest: digestOf(bytes), sizeBytes: bytes.length };
    const layers = [{ descriptor, declared: { sizeBytes: 2048, entries: 1 } }];
    expect(await codeOf(store.ensureTree({ ...request, layers, source: serve(bytes, []) }))).toBe("zstd/magic");
    expect(store.holds(request.tree)).toBe(false);
    expect(readdirSync(join(store.root, "staging"))).toEqual([]);
  });
});

test("a write that fails in the background fails the reading", async () => {
  const { bytes, content, request } = await packed();
  const declared = request.layers[0]?.declared ?? { sizeBytes: 0, entries: 0 };
  const sink = {
    entry() {},
    data() {},
    entryEnd() {},
    settled: () => Promise.reject(new Error("the disk is gone")),
  };
  await expect(readLayer(serve(bytes, []).read(content), content, declared, sink)).rejects.toThrow("the disk is gone");
});

test("a frame of endless empty blocks is refused before it fills the memory", async () => {
  // RFC 8878: magic, a header that declares one byte, and raw blocks of no bytes that never end.
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01);
  const bytes = concatBytes([header, new Uint8Array(3 * 6_000_000)]);
  const content = { mediaType: zstd, digest: digestOf(bytes), sizeBytes: bytes.length };
  const sink = { entry() {}, data() {}, entryEnd() {} };
  const reading = readLayer(serve(bytes, []).read(content), content, { sizeBytes: 2048, entries: 1 }, sink);
  expect(await codeOf(reading)).toBe("layer/decode");
});

test("a sync that failed ahead of time is not forgotten at the end", async () => {
  const path = fresh();
  const sync = new FileSystemSync(path);
  sync.wrote(2 ** 30);
  await sync.abandon();
  mkdirSync(path);
  expect(await codeOf(sync.finish())).toBe("store/io");
  expect(await codeOf(new FileSystemSync(path).finish())).toBe("none");
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}
