import { describe, expect, test } from "bun:test";
import { constants, zstdCompressSync } from "node:zlib";
import { concatBytes, encodeUtf8, isCpmError } from "@cpm/base";
import { checkGzipHeader } from "./gzip-header.ts";
import { ZstdFrameWalker } from "./zstd-frames.ts";
import type { ZstdFrame } from "./zstd-frames.ts";

const limits = { maxFrameContentBytes: 8 * 1024 * 1024, maxTotalContentBytes: 100 * 1024 * 1024 };

function frame(content: Uint8Array, checksum = false): Uint8Array {
  const params = checksum ? { [constants.ZSTD_c_checksumFlag]: 1 } : {};
  return zstdCompressSync(content, { params });
}

function walk(bytes: Uint8Array, chunkBytes = bytes.length, bounds = limits): ZstdFrame[] {
  const frames: ZstdFrame[] = [];
  const walker = new ZstdFrameWalker(bounds, (found) => frames.push(found));
  for (let at = 0; at < bytes.length;) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    let used = 0;
    while (used < chunk.length) used += walker.write(chunk.subarray(used));
    at += chunkBytes;
  }
  walker.end();
  return frames;
}

function code(bytes: Uint8Array, bounds = limits): string {
  try {
    walk(bytes, Math.max(1, bytes.length), bounds);
    return "accepted";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}

const noise = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 2654435761) >>> 13);
const first = frame(noise);
const second = frame(new Uint8Array(70_000), true);

/** magic, descriptor: single segment, 1-byte size unless said otherwise. */
const header = (...bytes: number[]) => Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]);

describe("the frame walker", () => {
  test("finds the frames whatever the chunks (case 84)", () => {
    const bytes = concatBytes([first, second]);
    const expected = [
      { compressedBytes: first.length, contentBytes: noise.length },
      { compressedBytes: second.length, contentBytes: 70_000 },
    ];
    for (const chunkBytes of [1, 2, 3, 7, 1000, first.length, first.length + 1, bytes.length]) {
      expect(walk(bytes, chunkBytes)).toEqual(expected);
    }
  });

  test("an end at every byte of the last frame is noticed (case 86)", () => {
    const bytes = concatBytes([first, second]);
    for (let length = first.length + 1; length < bytes.length; length++)
      expect(code(bytes.subarray(0, length))).toBe("zstd/truncated");
    expect(code(new Uint8Array(0))).toBe("zstd/truncated");
  });

  const raw3 = [0x20, 3, 0x19, 0, 0, 1, 2, 3];
  test.each([
    ["a whole frame by hand", header(...raw3), "accepted"],
    ["case 81: trailing zeros", concatBytes([first, new Uint8Array(4)]), "zstd/magic"],
    ["case 81: trailing garbage", concatBytes([first, Uint8Array.of(1, 2, 3, 4, 5)]), "zstd/magic"],
    ["case 81: half a magic", concatBytes([first, Uint8Array.of(0x28, 0xb5)]), "zstd/truncated"],
    [
      "case 85: skippable frame first",
      concatBytes([Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0), first]),
      "zstd/skippable",
    ],
    [
      "case 85: skippable frame last",
      concatBytes([first, Uint8Array.of(0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 64)]),
      "zstd/skippable",
    ],
    ["case 88: window of 2^31", header(0x80, 0xa8, 3, 0, 0, 0), "zstd/window-too-large"],
    ["case 90: dictionary", header(0x21, 9, 3, 0x19, 0, 0, 1, 2, 3), "zstd/dictionary"],
    ["case 91: legacy magic", Uint8Array.of(0x27, 0xb5, 0x2f, 0xfd, 0), "zstd/legacy"],
    ["case 92: gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 0), "zstd/magic"],
    ["case 92: xz", Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a), "zstd/magic"],
    ["case 92: plain text", encodeUtf8("hello world"), "zstd/magic"],
    ["case 93: empty frame", header(0x20, 0, 1, 0, 0), "zstd/empty-frame"],
    ["no content size", header(0x00, 0x50, 1, 0, 0), "zstd/no-content-size"],
    ["reserved bit", header(0x28, 3, 0x19, 0, 0, 1, 2, 3), "zstd/reserved"],
    ["reserved block type", header(0x20, 3, 0x1f, 0, 0, 1, 2, 3), "zstd/reserved"],
    ["block larger than its window", header(0x20, 3, 0x21, 0, 0, 1, 2, 3, 4), "zstd/block-too-large"],
    ["case 78: RLE bomb by declared size", header(0x80, 0x58, 0, 0, 0, 0x10, 0x02, 0, 0x10, 0), "zstd/frame-too-large"],
  ])("%s", (_name, bytes, expected) => expect(code(bytes)).toBe(expected));

  test("the sum of the declared sizes is bounded (case 78)", () => {
    expect(code(concatBytes([first, first]), { ...limits, maxTotalContentBytes: 400_000 })).toBe(
      "zstd/total-too-large",
    );
  });
});

describe("the gzip header", () => {
  const plain = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);
  test("is plain, or refused (case 82)", () => {
    checkGzipHeader(plain);
    for (const [at, value] of [
      [0, 0],
      [1, 0],
      [2, 7],
      [3, 4],
      [3, 8],
      [3, 2],
      [3, 16],
      [3, 0xe0],
    ] as const) {
      const copy = plain.slice();
      copy[at] = value;
      expect(() => checkGzipHeader(copy)).toThrow(expect.objectContaining({ code: "gzip/header" }));
    }
    expect(() => checkGzipHeader(plain.subarray(0, 9))).toThrow();
  });
});
