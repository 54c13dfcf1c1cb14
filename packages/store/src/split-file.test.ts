import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes, isCpmError, sourceOf } from "@cpm/base";
import fc from "fast-check";
import { DraftFile } from "./draft-file.ts";
import { containerBytes, writeContainer } from "./layout-stream.ts";
import type { StreamedFile } from "./layout-stream.ts";
import { openFileAccess } from "./random-access.ts";
import { openSplitFile, verifySplitFile } from "./split-reader.ts";
import { minPartBytes, SplitWriter } from "./split-writer.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-split-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(scratch, `s${count++}`);

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "nothing";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}

test("whatever is written in whatever pieces is read back from any offset, over parts of a bounded size", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(300_000), fc.integer({ min: 1, max: 50_000 }), fc.nat(), async (length, piece, seed) => {
      const bytes = bytesOf(length);
      const path = fresh();
      const writer = new SplitWriter(path, length, minPartBytes);
      for (let at = 0; at < length; at += piece) writer.write(bytes.subarray(at, at + piece));
      const paths = writer.publish();
      if (length === 0) return;
      for (const part of paths) expect(statSync(part).size).toBeLessThanOrEqual(minPartBytes);
      const split = await openSplitFile(paths[seed % paths.length] ?? "");
      await verifySplitFile(split);
      const from = seed % length;
      expect(split.access.sizeBytes).toBe(length);
      expect(await collectBytes(split.access.read(from, 100_000), 100_000)).toEqual(bytes.slice(from, from + 100_000));
    }),
    { numRuns: 30 },
  );
});

test("parts that were not published leave nothing", () => {
  const path = fresh();
  const writer = new SplitWriter(path, 200_000, minPartBytes);
  writer.write(bytesOf(150_000));
  writer.discard();
  expect(readdirSync(scratch).filter((name) => name.startsWith(path.slice(scratch.length + 1)))).toEqual([]);
  expect(codeOf(() => new SplitWriter(path, 1e12, minPartBytes))).toBe("split/part-size");
});

test("a container is as large as was said, and the same in any order of its files", async () => {
  const file = (path: string, sizeBytes: number): StreamedFile => ({
    path,
    sizeBytes,
    read: () => sourceOf(bytesOf(sizeBytes)),
  });
  const files = [file("b/c/two", 1), file("a", 513), file("b/one", 0), file("b/c/three", 512)];
  const write = async (all: readonly StreamedFile[]): Promise<Uint8Array> => {
    const draft = new DraftFile(fresh());
    await writeContainer(all, draft);
    draft.publish();
    draft.discard();
    return collectBytes(openFileAccess(draft.path).read(0, 1e6), 1e6);
  };
  const [one, two] = [await write(files), await write(files.toReversed())];
  expect(one).toEqual(two);
  expect(one.length).toBe(containerBytes(files));
});
