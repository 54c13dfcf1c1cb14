import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkerUnpacker } from "@cpm/agent";
import { listFiles, openNodeStore, packLayer, readFileBytes, treeDigest } from "@cpm/store";
import type { TreeRequest } from "@cpm/store";

const scratch = mkdtempSync(join(process.env["CPM_SCRATCH"] ?? tmpdir(), "cpm-large-layer-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  Bun.spawnSync(["rm", "-rf", scratch]);
});

const memoryBytes = 256_000_000;
/** What a worker keeps to, whatever the size of the layer. */
const targetBytes = 128 * 1024 * 1024;
/** The reader knows every path, so that none comes twice: half a million may take more on some machines (decision 034). */
const manyEntriesBytes = 150_000_000;
/** The program as it is shipped; sources that are read and compiled as they run take memory of their own. */
const program = join(scratch, "cpm-agent");

test("a layer of 10 GB, of which a fifth does not compress, is unpacked by a worker of 256 MB", async () => {
  const root = join(scratch, "large");
  mkdirSync(root);
  const noise = openSync(join(root, "noise"), "w");
  for (let at = 0; at < 2000; at++) writeSync(noise, randomMegabyte());
  closeSync(noise);
  writeFileSync(join(root, "zeros"), "");
  truncateSync(join(root, "zeros"), 8_000_000_000);
  await expectUnpacked(root, targetBytes);
}, 3_600_000);

test.each([
  { paths: "short", below: "", filesOfEach: 1000 },
  { paths: "125 bytes long", below: `${"a-folder-of-some-name/".repeat(4)}below`, filesOfEach: 100 },
])(
  "a layer of as many files as a package may have, with paths that are $paths, is unpacked by a worker of 256 MB",
  async ({ below, filesOfEach }) => {
    const root = join(scratch, "many");
    for (let at = 0; at < 480_000; at++) {
      const folder = join(root, below, String(Math.floor(at / filesOfEach)));
      if (at % filesOfEach === 0) mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${below === "" ? "file" : "a-file-of-a-name"}-${at}`), `content of ${at}`);
    }
    await expectUnpacked(root, manyEntriesBytes);
  },
  3_600_000,
);

async function expectUnpacked(root: string, mostBytes: number): Promise<void> {
  const { request, source } = await pack(root);
  Bun.spawnSync(["rm", "-rf", root]);
  const peaks: Record<string, number> = {};
  const unpacker = new WorkerUnpacker({
    memoryBytes,
    command: [await build()],
    onEnd: ({ program: name, peakBytes }) => void (peaks[name] = peakBytes),
  });
  const store = openNodeStore(join(scratch, "node"), unpacker);
  await store.ensureTree({ ...request, source });
  process.stderr.write(`most memory: ${JSON.stringify(peaks)}\n`);
  for (const peakBytes of Object.values(peaks)) expect(peakBytes).toBeLessThan(mostBytes);
  expect(store.damagedPaths(request.tree)).toEqual([]);
  Bun.spawnSync(["chmod", "-R", "u+w", store.root]);
  Bun.spawnSync(["rm", "-rf", store.root]);
}

async function pack(root: string): Promise<{ request: Omit<TreeRequest, "source">; source: TreeRequest["source"] }> {
  const path = join(scratch, "layer");
  rmSync(path, { force: true });
  const layer = await packLayer(
    listFiles(root, () => true),
    path,
  );
  const descriptor = {
    mediaType: "application/vnd.colonyos.cpm.content.v1.tar+zstd",
    digest: layer.digest,
    sizeBytes: layer.sizeBytes,
  };
  const declared = { sizeBytes: layer.contentBytes, entries: layer.entries };
  return {
    request: { tree: treeDigest([layer.listing]), layers: [{ descriptor, declared }] },
    source: { read: (_, { offsetBytes = 0 } = {}) => readFileBytes(path, offsetBytes) },
  };
}

async function build(): Promise<string> {
  const main = join(import.meta.dir, "../../../apps/agent/src/main.ts");
  const build = ["build", "--compile", "--splitting", "--bytecode", "--format=esm", "--minify", `--outfile=${program}`];
  const child = Bun.spawn([process.execPath, ...build, main], { stdio: ["ignore", "ignore", "inherit"] });
  expect(await child.exited).toBe(0);
  return program;
}

function randomMegabyte(): Uint8Array {
  const bytes = new Uint8Array(1_000_000);
  for (let at = 0; at < bytes.length; at += 50_000) crypto.getRandomValues(bytes.subarray(at, at + 50_000));
  return bytes;
}
