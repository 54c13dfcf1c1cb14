import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNodeStore } from "./node-store.ts";
import { packed, serve } from "./testing/tree-unpacker.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-verify-tree-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});

const files = {
  "a/b/deep": "deep",
  "a-b": "between a and a/b in byte order",
  "a/link": { link: "b/deep" },
  "bin/run": { program: "#!/bin/sh\n" },
  file: "content",
  é: "é",
};

/** A tree to which something is done that its owner alone can do. */
async function damaged(harm: (root: string, folder: string) => void): Promise<readonly string[]> {
  const { blobs, request } = await packed(files);
  const store = openNodeStore(mkdtempSync(join(scratch, "s")));
  const { path } = await store.ensureTree({ ...request, source: serve(blobs) });
  Bun.spawnSync(["chmod", "-R", "u+w", path]);
  harm(path, join(path, ".."));
  Bun.spawnSync(["chmod", "-R", "u-w", path]);
  return store.damagedPaths(request.tree).toSorted();
}

test.each<[string, (root: string, folder: string) => void, readonly string[]]>([
  ["nothing", () => {}, []],
  ["another byte", (root) => writeFileSync(join(root, "a/b/deep"), "deeq"), ["a/b/deep"]],
  ["a shorter file", (root) => writeFileSync(join(root, "file"), "conten"), ["file"]],
  ["a file that is gone", (root) => unlinkSync(join(root, "é")), ["é"]],
  ["a file that is no program any more", (root) => chmodSync(join(root, "bin/run"), 0o444), ["bin/run"]],
  ["a file that became one", (root) => chmodSync(join(root, "file"), 0o755), ["file"]],
  ["a file too many", (root) => writeFileSync(join(root, "a/b/more"), ""), ["a/b/more"]],
  ["a directory too many", (root) => mkdirSync(join(root, "new/below"), { recursive: true }), ["new"]],
  [
    "a symlink to the same content",
    (root) => {
      renameSync(join(root, "file"), join(root, "kept"));
      symlinkSync("kept", join(root, "file"));
    },
    ["file", "kept"],
  ],
  [
    "a symlink to a directory like it",
    (root) => {
      renameSync(join(root, "a/b"), join(root, "a/c"));
      symlinkSync("c", join(root, "a/b"));
    },
    ["a/b", "a/c"],
  ],
  [
    "a symlink that leads elsewhere",
    (root) => {
      unlinkSync(join(root, "a/link"));
      symlinkSync("../file", join(root, "a/link"));
    },
    ["a/link"],
  ],
  [
    "a file in the place of a directory",
    (root) => {
      rmSync(join(root, "bin"), { recursive: true });
      writeFileSync(join(root, "bin"), "");
    },
    ["bin", "bin/run"],
  ],
  [
    "the root gone",
    (root) => rmSync(root, { recursive: true }),
    [".", "a", "a-b", "a/b", "a/b/deep", "a/link", "bin", "bin/run", "file", "é"],
  ],
  ["a second name of a file", (root) => linkSync(join(root, "file"), join(root, "../second")), []],
  [
    "another listing",
    (_, folder) => {
      Bun.spawnSync(["chmod", "u+w", join(folder, "tree.json")]);
      writeFileSync(join(folder, "tree.json"), "[]");
    },
    ["../tree.json"],
  ],
  ["no listing", (_, folder) => unlinkSync(join(folder, "tree.json")), ["../tree.json"]],
])("%s is noticed, and nothing else", async (_, harm, paths) => {
  expect(await damaged(harm)).toEqual(paths);
});

test("a directory that may be written to is noticed", async () => {
  const { blobs, request } = await packed({ "a/b": "b" });
  const store = openNodeStore(mkdtempSync(join(scratch, "s")));
  const { path } = await store.ensureTree({ ...request, source: serve(blobs) });
  chmodSync(join(path, "a"), 0o755);
  expect(store.damagedPaths(request.tree)).toEqual(["a"]);
  chmodSync(path, 0o755);
  expect(store.damagedPaths(request.tree)).toEqual([".", "a"]);
});

test("a listing of any length is read in pieces", async () => {
  const [folder, name] = [`${"d".repeat(240)}/${"e".repeat(240)}`, "n".repeat(240)];
  const many = Object.fromEntries(Array.from({ length: 1500 }, (_, at) => [`${folder}${at % 7}/${name}{${at}},{`, ""]));
  const { blobs, request } = await packed(many);
  const store = openNodeStore(mkdtempSync(join(scratch, "s")));
  const { path } = await store.ensureTree({ ...request, source: serve(blobs) });
  expect(store.damagedPaths(request.tree)).toEqual([]);
  const changed = `${folder}3/${name}{3},{`;
  chmodSync(join(path, changed), 0o644);
  expect(store.damagedPaths(request.tree)).toEqual([changed]);
});
