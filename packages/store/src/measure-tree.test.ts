import { afterAll, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArrivingUnpacker } from "./arriving-unpacker.ts";
import { digestOf } from "./hash.ts";
import { measureTree } from "./measure-tree.ts";
import { openNodeStore } from "./node-store.ts";
import { codeOf, packed, serve } from "./testing/tree-unpacker.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-measure-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;

function measure(root: string, maxEntries = 100): string {
  let text = "";
  measureTree(root, { maxEntries, write: (piece) => void (text += piece) });
  return text;
}

function tree(): string {
  const root = join(scratch, `t${count++}`);
  mkdirSync(root);
  writeFileSync(join(root, "a"), "x", { mode: 0o444 });
  return root;
}

const refusal = (root: string, maxEntries?: number) => codeOf((async () => measure(root, maxEntries))());

test("a tree is listed as its writer listed it, in byte order of whole paths", async () => {
  const { blobs, request } = await packed({
    "a/b": "1",
    "a/b-c/d": "2",
    "a-b": { program: "3" },
    "a.txt": "4",
    a0: { link: "a/b" },
    "ü/日本/𝄞": "5",
    "ü/日本/\uffee": "6",
    z: "",
  });
  const store = openNodeStore(join(scratch, "node"), new ArrivingUnpacker());
  const { path } = await store.ensureTree({ ...request, source: serve(blobs) });
  const listing = measure(path);
  expect(listing).toBe(readFileSync(join(path, "../tree.json"), "utf8"));
  expect(digestOf(Buffer.from(listing))).toBe(request.tree);
  const empty = join(scratch, "empty");
  mkdirSync(empty);
  expect(measure(empty)).toBe("[]");
});

test("what no package holds is refused", async () => {
  const writable = tree();
  chmodSync(join(writable, "a"), 0o644);
  expect(await refusal(writable)).toBe("node/tree-unfit");
  const program = tree();
  chmodSync(join(program, "a"), 0o4755);
  expect(await refusal(program)).toBe("node/tree-unfit");
  const linked = tree();
  linkSync(join(linked, "a"), join(linked, "b"));
  expect(await refusal(linked)).toBe("node/tree-unfit");
  const pipe = tree();
  Bun.spawnSync(["mkfifo", join(pipe, "b")]);
  expect(await refusal(pipe)).toBe("node/tree-unfit");
  expect(await refusal(tree(), 0)).toBe("node/tree-unfit");
});

test("names and symlinks are held to the rules of the archive", async () => {
  const targets = { "/etc/passwd": "absolute", "../x": "escape", missing: "dangling", l: "loop" };
  for (const [target, why] of Object.entries(targets)) {
    const root = tree();
    symlinkSync(target, join(root, "l"));
    expect(await refusal(root)).toBe(`archive/link-${why}`);
  }
  const reserved = tree();
  writeFileSync(join(reserved, "nul.txt"), "", { mode: 0o444 });
  expect(await refusal(reserved)).toBe("archive/path-reserved");
  const bytes = tree();
  writeFileSync(Buffer.concat([Buffer.from(`${bytes}/`), Buffer.from([0xff])]), "x", { mode: 0o444 });
  expect(await refusal(bytes)).toBe("node/tree-unfit");
  writeFileSync(join(bytes, "\ufffd"), "x", { mode: 0o444 });
  expect(await refusal(bytes)).toBe("node/tree-unfit");
});
