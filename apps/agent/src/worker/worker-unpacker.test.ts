import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeStore } from "@cpm/store";
import { codeOf, describeTreeUnpacker, packed, serve } from "@cpm/store/testing/tree-unpacker";
import { WorkerUnpacker } from "./worker-unpacker.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-worker-unpacker-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});

describeTreeUnpacker("by a confined worker", () => {
  const root = mkdtempSync(join(scratch, "n"));
  return new WorkerUnpacker({ sharedFiles: { root, onShared() {} } });
});

describe("a worker that lets trees share files", () => {
  const open = () => {
    const root = mkdtempSync(join(scratch, "n"));
    const told: number[] = [];
    const sharedFiles = { root, onShared: (sizeBytes: number) => void told.push(sizeBytes) };
    return { root, told, store: openNodeStore(root, new WorkerUnpacker({ sharedFiles })) };
  };
  const common = { "a/same": "s".repeat(10_000), "a/run": { program: "r".repeat(20_000) } };

  test("gives a second tree what is equal, and says how much", async () => {
    const { store, told } = open();
    const paths: string[] = [];
    for (const files of [common, { ...common, more: "m".repeat(5000) }]) {
      const { blobs, request } = await packed(files);
      // oxlint-disable-next-line no-await-in-loop -- the second finds the first
      paths.push((await store.ensureTree({ ...request, source: serve(blobs) })).path);
      expect(store.damagedPaths(request.tree)).toEqual([]);
    }
    expect(told).toEqual([0, 30_000]);
    for (const name of Object.keys(common))
      expect(new Set(paths.map((path) => statSync(join(path, name)).ino)).size).toBe(1);
  });

  test("keeps nothing of a tree that is another than the one that was asked for", async () => {
    const { store, root, told } = open();
    const { blobs, request } = await packed(common);
    const other = (await packed({ other: "o" })).request.tree;
    const work = store.ensureTree({ ...request, tree: other, source: serve(blobs) });
    expect(await codeOf(work)).toBe("node/tree-mismatch");
    expect([readdirSync(join(root, "objects")), told]).toEqual([[], []]);
  });
});
