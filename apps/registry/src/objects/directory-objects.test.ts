import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { BlobDirectory, digestOf } from "@cpm/store";
import { DirectoryObjects } from "./directory-objects.ts";
import type { StoredObject } from "./object-storage.ts";
import { testObjectStorage } from "./object-storage.contract.ts";

testObjectStorage("a directory", async () => {
  const root = mkdtempSync(join(tmpdir(), "cpm-objects-"));
  return {
    open: () => new DirectoryObjects(new BlobDirectory(root)),
    kept: async (place) => new Uint8Array(readFileSync(join(root, place))),
    stop: () => rmSync(root, { recursive: true, force: true }),
  };
});

test("a folder of more files than go on a page is listed whole and in order", async () => {
  const root = mkdtempSync(join(tmpdir(), "cpm-objects-"));
  const objects = new DirectoryObjects(new BlobDirectory(root));
  const digests = Array.from({ length: 2345 }, (_, index) => digestOf(encodeUtf8(String(index))));
  mkdirSync(join(root, "blobs/sha256"), { recursive: true });
  for (const digest of digests) writeFileSync(join(root, objects.defaultObject(digest)), "x");
  // What is no object is none of ours.
  writeFileSync(join(root, "blobs/sha256/notes.txt"), "x");
  const pages: (readonly StoredObject[])[] = [];
  for await (const page of objects.pages()) pages.push(page);
  expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(1000);
  expect(pages.flat().map(({ object }) => object)).toEqual(
    digests.map((digest) => objects.defaultObject(digest)).toSorted(),
  );
  rmSync(root, { recursive: true });
});
