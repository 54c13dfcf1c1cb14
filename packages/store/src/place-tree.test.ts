import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "@cpm/base";
import { FileSystemSync } from "./file-system-sync.ts";
import { digestOf } from "./hash.ts";
import { readLayer } from "./read-layer.ts";
import { codeOf, packed, serve, zstdLayer } from "./testing/tree-unpacker.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-place-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("a write that fails in the background fails the reading", async () => {
  const { blobs, request } = await packed({ large: crypto.getRandomValues(new Uint8Array(60_000)), small: "x" });
  const sink = {
    entry() {},
    data() {},
    entryEnd() {},
    settled: () => Promise.reject(new Error("the disk is gone")),
  };
  for (const { descriptor, declared } of request.layers) {
    const reading = readLayer(serve(blobs).read(descriptor), descriptor, declared, sink);
    await expect(reading).rejects.toThrow("the disk is gone");
  }
});

test("a frame of endless empty blocks is refused before it fills the memory", async () => {
  // RFC 8878: magic, a header that declares one byte, and raw blocks of no bytes that never end.
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01);
  const bytes = concatBytes([header, new Uint8Array(3 * 6_000_000)]);
  const content = { mediaType: zstdLayer, digest: digestOf(bytes), sizeBytes: bytes.length };
  const sink = { entry() {}, data() {}, entryEnd() {} };
  const reading = readLayer(once(bytes), content, { sizeBytes: 2048, entries: 1 }, sink);
  expect(await codeOf(reading)).toBe("layer/decode");
});

test("a sync that failed ahead of time is not forgotten at the end", async () => {
  const path = join(scratch, "synced");
  const sync = new FileSystemSync(path);
  sync.wrote(2 ** 30);
  await sync.abandon();
  mkdirSync(path);
  expect(await codeOf(sync.finish())).toBe("store/io");
  expect(await codeOf(new FileSystemSync(path).finish())).toBe("none");
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
