import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ArrivingUnpacker } from "./arriving-unpacker.ts";
import { openNodeStore } from "./node-store.ts";
import type { NodeStore } from "./node-store.ts";
import { removeTree } from "./remove-tree.ts";
import { canShareFiles, leastSharedBytes, SharedFiles } from "./shared-files.ts";
import type { SharedFilesOptions } from "./shared-files.ts";
import type { SharedBytes } from "./share-tree.ts";
import type { Files } from "./testing/tree-unpacker.contract.ts";
import { packed, serve } from "./testing/tree-unpacker.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-shared-files-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});

const large = (letter: string): string => letter.repeat(leastSharedBytes);

/** A node on which trees share, and what it says of that. */
class Site {
  readonly told: SharedBytes[] = [];
  readonly files: SharedFiles;
  readonly node: NodeStore;

  constructor(options: SharedFilesOptions = {}) {
    const root = mkdtempSync(join(scratch, "s"));
    this.files = new SharedFiles(root, options);
    const unpacker = new ArrivingUnpacker();
    this.node = openNodeStore(root, {
      unpack: async (job) => {
        await unpacker.unpack(job);
        this.told.push(this.files.share(job.staging));
      },
    });
  }

  /** Puts a tree here and says where. */
  async place(files: Files): Promise<string> {
    const { blobs, request } = await packed(files);
    const { path } = await this.node.ensureTree({ ...request, source: serve(blobs) });
    expect(this.node.damagedPaths(request.tree)).toEqual([]);
    expect(readdirSync(join(this.node.root, "staging"))).toEqual([]);
    return path;
  }

  async damaged(files: Files): Promise<readonly string[]> {
    return this.node.damagedPaths((await packed(files)).request.tree);
  }

  objects(): readonly string[] {
    return readdirSync(join(this.node.root, "objects"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
  }
}

const inodeOf = (...path: readonly string[]): number => statSync(join(...path)).ino;
const linksOf = (...path: readonly string[]): number => statSync(join(...path)).nlink;

/** As a disk would do it: the file stays, its bytes change. */
function damage(path: string): void {
  chmodSync(path, 0o644);
  const bytes = readFileSync(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  chmodSync(path, 0o444);
}

const first = {
  "a/same": large("s"),
  "a/b/deep": large("d"),
  changed: large("1"),
  small: "s",
  run: { program: large("r") },
};
const second = { ...first, changed: large("2") };

test("a second version has the files of the first that are equal, and its own of those that are not", async () => {
  const site = new Site();
  const [one, two] = [await site.place(first), await site.place(second)];
  for (const path of ["a/same", "a/b/deep", "run"]) expect(inodeOf(two, path)).toBe(inodeOf(one, path));
  for (const path of ["changed", "small"]) expect(inodeOf(two, path)).not.toBe(inodeOf(one, path));
  expect(site.told).toEqual([
    { files: 0, sizeBytes: 0 },
    { files: 3, sizeBytes: 3 * leastSharedBytes },
  ]);
});

test("what may be run and what may not share nothing, and equal files of one tree do", async () => {
  const site = new Site();
  const path = await site.place({ program: { program: large("x") }, data: large("x"), again: large("x") });
  expect(inodeOf(path, "data")).toBe(inodeOf(path, "again"));
  expect(inodeOf(path, "data")).not.toBe(inodeOf(path, "program"));
  expect([statSync(join(path, "data")).mode & 0o777, statSync(join(path, "program")).mode & 0o777]).toEqual([
    0o444, 0o555,
  ]);
});

test("a tree stays whole when another one that it shares with is removed, and the bytes of both go with the last", async () => {
  const site = new Site();
  const [one, two] = [await site.place(first), await site.place(second)];
  expect(await site.files.bytesElsewhere(dirname(one))).toBe(3 * leastSharedBytes);
  await removeTree(dirname(one));
  expect(await site.files.sweep()).toBe(leastSharedBytes);
  expect(await site.damaged(second)).toEqual([]);
  expect(await site.files.bytesElsewhere(dirname(two))).toBe(0);
  await removeTree(dirname(two));
  expect(await site.files.sweep()).toBe(4 * leastSharedBytes);
  expect(site.objects()).toEqual([]);
});

test("a file that was damaged since is not shared, and is not found again", async () => {
  const site = new Site();
  const one = await site.place(first);
  damage(join(one, "a/same"));
  const two = await site.place(second);
  expect(inodeOf(two, "a/same")).not.toBe(inodeOf(one, "a/same"));
  const third = await site.place({ ...first, changed: large("3") });
  expect(inodeOf(third, "a/same")).toBe(inodeOf(two, "a/same"));
  expect(await site.damaged(first)).toEqual(["a/same"]);
});

test("trees that share a damaged file get another one, each as it is made anew", async () => {
  const site = new Site();
  const one = await site.place(first);
  await site.place(second);
  damage(join(one, "a/same"));
  for (const files of [first, second]) {
    expect(await site.damaged(files)).toEqual(["a/same"]);
    const { blobs, request } = await packed(files);
    await site.node.replaceTree({ ...request, source: serve(blobs) }, (staging, folder) => {
      Bun.spawnSync(["mv", folder, `${folder}.old`]);
      Bun.spawnSync(["mv", staging, folder]);
      Bun.spawnSync(["mv", `${folder}.old`, staging]);
    });
    expect(await site.damaged(files)).toEqual([]);
  }
  expect(linksOf(one, "a/same")).toBe(3);
});

test("names that somebody made are not believed", async () => {
  const site = new Site();
  const one = await site.place(first);
  const [object = ""] = site.objects();
  const inode = inodeOf(object);
  rmSync(object);
  writeFileSync(object, "", { mode: 0o444 });
  const two = await site.place(second);
  expect(inodeOf(object)).not.toBe(inode);
  expect([one, two].every((path) => existsSync(path))).toBe(true);
});

test.each(["EMLINK", "EXDEV", "EPERM", "EOPNOTSUPP"])(
  "a tree has its own bytes where a link ends with %s",
  async (code) => {
    let refused = 0;
    const site = new Site({
      link(existing) {
        refused++;
        throw Object.assign(new Error(`link ${existing}`), { code });
      },
    });
    const [one, two] = [await site.place(first), await site.place(second)];
    expect(inodeOf(two, "a/same")).not.toBe(inodeOf(one, "a/same"));
    expect(refused).toBeGreaterThan(0);
  },
);

test("a file that can have no more names is followed by another one, which is shared from then on", async () => {
  let full = 0;
  const site = new Site({
    link(existing, name) {
      if (inodeOf(existing) === full) throw Object.assign(new Error("link"), { code: "EMLINK" });
      linkSync(existing, name);
    },
  });
  const one = await site.place(first);
  full = inodeOf(one, "a/same");
  const two = await site.place(second);
  expect(inodeOf(two, "a/same")).not.toBe(full);
  const third = await site.place({ ...first, changed: large("3") });
  expect(inodeOf(third, "a/same")).toBe(inodeOf(two, "a/same"));
});

test("a link that fails for the disk fails the tree, and nothing of it is left", async () => {
  const site = new Site({
    link() {
      throw Object.assign(new Error("link"), { code: "EIO" });
    },
  });
  await expect(site.place(first)).rejects.toMatchObject({ code: "store/io" });
  expect(readdirSync(join(site.node.root, "staging"))).toEqual([]);
});

test("whether files can be shared is tried in the directory itself", () => {
  const { root } = new Site().node;
  expect(canShareFiles(root)).toBe(true);
  expect(readdirSync(join(root, "staging"))).toEqual([]);
});
