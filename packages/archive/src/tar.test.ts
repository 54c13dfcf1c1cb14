import { describe, expect, test } from "bun:test";
import { canonicalJson, concatBytes, digestHex, encodeUtf8, parseDigest } from "@cpm/base";
import fc from "fast-check";
import { compareTarPaths, tarEndBytes, tarPaddingBytes } from "./tar-entry.ts";
import type { TarEntry } from "./tar-entry.ts";
import { encodeTarHeader } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import { formatTreeEntry, parseTreeListing } from "./tree-listing.ts";
import { contentOf, treeArbitrary, writeTar } from "./testing/tree-arbitrary.ts";

interface ReadBack {
  readonly entries: TarEntry[];
  readonly contents: Uint8Array[];
}

function read(bytes: Uint8Array, chunkSizes: readonly number[] = [bytes.length]): ReadBack {
  const result: ReadBack = { entries: [], contents: [] };
  let parts: Uint8Array[] = [];
  const reader = new TarReader({
    entry: (entry) => void result.entries.push(entry),
    data: (chunk) => void parts.push(chunk.slice()),
    entryEnd() {
      result.contents.push(concatBytes(parts));
      parts = [];
    },
  });
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, chunkSizes[turn % chunkSizes.length] ?? 1);
    reader.write(bytes.subarray(at, at + size));
    at += size;
  }
  expect(reader.end()).toEqual({ entries: result.entries.length, totalBytes: bytes.length });
  return result;
}

describe("tar", () => {
  test("write, read, write is the identity, however the bytes arrive", () => {
    fc.assert(
      fc.property(
        treeArbitrary,
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 }),
        (entries, sizes) => {
          const bytes = writeTar(entries);
          const back = read(bytes, sizes);
          expect(back.entries).toEqual(entries);
          expect(back.contents).toEqual(entries.map(contentOf));
          expect(writeTar(back.entries)).toEqual(bytes);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a header may begin at every offset within a chunk", () => {
    const entry: TarEntry = { path: "a".repeat(150), type: "file", executable: true, sizeBytes: 3 };
    const bytes = writeTar([entry]);
    for (let first = 1; first <= 512; first++) expect(read(bytes, [first, bytes.length]).entries).toEqual([entry]);
  });

  test("sizes beyond the octal field travel in a PAX record", () => {
    const entry: TarEntry = { path: "big", type: "file", executable: false, sizeBytes: 2 ** 33 };
    const seen: TarEntry[] = [];
    const reader = new TarReader({ entry: (found) => void seen.push(found), data() {}, entryEnd() {} });
    reader.write(encodeTarHeader(entry));
    expect(seen).toEqual([entry]);
    expect(() => reader.end()).toThrow(expect.objectContaining({ code: "archive/truncated" }));
  });

  test("paths are ordered by their UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (left, right) => {
        expect(Math.sign(compareTarPaths(left, right))).toBe(
          Math.sign(Buffer.compare(encodeUtf8(left), encodeUtf8(right))),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("every flipped byte of a header is noticed or changes nothing but the content", () => {
    const bytes = writeTar([
      { path: "dir", type: "directory", executable: false, sizeBytes: 0 },
      { path: "dir/file", type: "file", executable: false, sizeBytes: 600 },
    ]);
    const bodyStart = 1024;
    for (let at = 0; at < bytes.length; at++) {
      if (at >= bodyStart && at < bodyStart + 600) continue;
      const copy = bytes.slice();
      copy[at] = (copy[at] ?? 0) ^ 1;
      expect(() => read(copy)).toThrow();
    }
  });

  test("padding and end are what POSIX says", () => {
    expect([0, 1, 511, 512, 513].map(tarPaddingBytes)).toEqual([0, 511, 1, 0, 511]);
    expect(tarEndBytes).toBe(1024);
  });
});

describe("tree listings", () => {
  test("have their entries in canonical JSON", () => {
    const digest = parseDigest(`sha256:${"b".repeat(64)}`);
    fc.assert(
      fc.property(treeArbitrary, (entries) => {
        for (const entry of entries) {
          const { path, type, executable, sizeBytes, linkTarget } = entry;
          const expected = {
            path,
            type,
            ...(executable ? { executable } : {}),
            ...(type === "file" ? { sizeBytes, digest } : {}),
            ...(linkTarget === undefined ? {} : { linkTarget }),
          };
          expect(formatTreeEntry({ ...entry, digest })).toBe(canonicalJson(expected));
        }
      }),
    );
    const odd = { path: 'q"\u007f\u2028é\u{1d4b3}', type: "directory", executable: false, sizeBytes: 0 } as const;
    expect(formatTreeEntry(odd)).toBe(canonicalJson({ path: odd.path, type: odd.type }));
    expect(() => formatTreeEntry({ ...odd, path: "\ud800" })).toThrow(
      expect.objectContaining({ code: "archive/tree-listing" }),
    );
  });

  test("are read back, and only in canonical form", () => {
    const digest = parseDigest(`sha256:${"a".repeat(64)}`);
    const entries = [
      { path: "d", type: "directory", executable: false, sizeBytes: 0 },
      { path: "d/f", type: "file", executable: true, sizeBytes: 5, digest },
      { path: "d/l", type: "symlink", executable: false, sizeBytes: 0, linkTarget: "f" },
    ] as const;
    const text = `[${entries.map(formatTreeEntry).join(",")}]`;
    expect(parseTreeListing(encodeUtf8(text))).toEqual([...entries]);
    expect(text).toContain(digestHex(digest));
    for (const other of [` ${text}`, text.replace('"d/f"', '"c/f"'), text.replace("{", '{"mode":7,'), "{}", "[1]"]) {
      expect(() => parseTreeListing(encodeUtf8(other))).toThrow(
        expect.objectContaining({ code: "archive/tree-listing" }),
      );
    }
  });
});
