import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { openNodeStore } from "@cpm/store";
import { codeOf, crafted, packed, serve } from "@cpm/store/testing/tree-unpacker";
import { isolationOfThisMachine } from "../isolation/isolation.ts";
import { WorkerUnpacker } from "./worker-unpacker.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-compromised-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});
const main = join(import.meta.dir, "../testing/compromised-main.ts");
const { missing } = isolationOfThisMachine();

/** What each order to a worker that is taken over ends in. */
const orders = {
  "write another content": "node/tree-mismatch",
  "write a program of root's": "node/tree-unfit",
  "write a symlink out of the tree": "archive/link-escape",
  "write a symlink to an absolute path": "archive/link-absolute",
  "write a name that is not UTF-8": "node/tree-unfit",
  "write more files than declared": "node/tree-unfit",
  "write a listing of its own": "agent/worker-killed",
  "write a file that is too large": "agent/worker-killed",
  "nest directories beyond the length of a path": "archive/path-too-deep",
  "say nonsense": "agent/worker-output",
  "say more than there is": "agent/worker-output",
  "report an error of its own making": "agent/worker-output",
  "go on after it is done": "agent/worker-output",
  "end without a word": "agent/worker-output",
  "end with a status": "agent/worker-killed",
  "write without end": "agent/worker-output",
  "write a line without end": "agent/worker-output",
  "complain without end, and be silent": "agent/worker-timeout",
  "be silent": "agent/worker-timeout",
  "take all memory": "agent/worker-memory",
  "kill itself": "agent/worker-killed",
  crash: "agent/worker-killed",
} as const;

test.skipIf(missing.length > 0 || process.arch !== "x64").each(Object.entries(orders))(
  "a worker that is taken over to %s fails its request and nothing else",
  async (order, code) => {
    const root = join(scratch, order.replaceAll(/\W/g, "-"));
    // Only where silence is what ends it: a machine with much to do takes long for everything else.
    const silenceMs = code === "agent/worker-timeout" ? 2000 : 60_000;
    const compromised = new WorkerUnpacker({ command: [process.execPath, main], silenceMs });
    const store = openNodeStore(root, compromised);
    const bytes = encodeUtf8(order);
    // The tree is one that an honest package has: a file that says so.
    const honest = await packed({ a: "honest" });
    const { blobs, request } = crafted(bytes, 1_000_000);
    const lie = { ...request, tree: honest.request.tree, source: serve(blobs) };
    expect(await codeOf(store.ensureTree(lie))).toBe(code);
    expect(store.holds(lie.tree)).toBe(false);
    expect(readdirSync(join(root, "staging"))).toEqual([]);
    expect(existsSync(join(root, "trees"))).toBe(false);
    const next = openNodeStore(root, new WorkerUnpacker());
    await next.ensureTree({ ...honest.request, source: serve(honest.blobs) });
    expect(next.damagedPaths(honest.request.tree)).toEqual([]);
  },
  60_000,
);
