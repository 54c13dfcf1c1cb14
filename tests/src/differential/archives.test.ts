import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TarReader } from "@cpm/archive";
import { hostileArchives, treeArbitrary, writeTar } from "@cpm/archive/testing";
import { concatBytes, isCpmError } from "@cpm/base";
import { digestOf, listFiles, TreeWriter } from "@cpm/store";
import fc from "fast-check";
import { findPeers } from "./peers.ts";

/*
 * What our reader accepts, every other program must unpack to the same tree: otherwise a package could be shown
 * as one thing to whoever checks it and as another to whoever runs it.
 */
const scratch = mkdtempSync(join(tmpdir(), "cpm-differential-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const { present: peers, absent } = findPeers(scratch);
if (absent.length > 0) process.stderr.write(`not compared, because this machine lacks them: ${absent.join(", ")}\n`);
const seed = Number(process.env["CPM_TEST_SEED"] ?? 20_240_601);
const counts = { accepted: 0, refused: 0 };

describe("what our reader accepts, others unpack to the same tree", () => {
  test.skipIf(peers.length === 0)("the hostile archives that are contained", async () => {
    for (const { name, build } of hostileArchives) await compare(build(), name);
    expect(counts.refused).toBeGreaterThan(100);
  });

  test.skipIf(peers.length === 0)(
    "generated trees",
    async () => {
      const before = counts.accepted;
      await fc.assert(
        fc.asyncProperty(treeArbitrary, async (entries) => compare(writeTar(entries), "a generated tree")),
        { numRuns: 40, seed },
      );
      expect(counts.accepted).toBe(before + 40);
    },
    120_000,
  );

  test.skipIf(peers.length === 0)(
    "generated trees with bytes changed, blocks moved and archives joined",
    async () => {
      const mutation = fc.record({
        kind: fc.constantFrom("flip", "swap", "drop", "repeat", "join"),
        at: fc.nat(),
        to: fc.nat(),
        bit: fc.integer({ min: 0, max: 7 }),
      });
      await fc.assert(
        fc.asyncProperty(
          treeArbitrary,
          fc.array(mutation, { minLength: 1, maxLength: 2 }),
          async (entries, mutations) => {
            let bytes = writeTar(entries);
            for (const change of mutations) bytes = mutate(bytes, change);
            await compare(bytes, JSON.stringify(mutations));
          },
        ),
        { numRuns: 1500, seed },
      );
      process.stderr.write(
        `${counts.accepted} archives accepted and compared with ${peers.map((peer) => peer.name).join(", ")}; ${counts.refused} refused (seed ${seed})\n`,
      );
    },
    120_000,
  );
});

async function compare(bytes: Uint8Array, name: string): Promise<void> {
  const own = await unpackOurselves(bytes);
  if (own === undefined) {
    counts.refused++;
    return;
  }
  counts.accepted++;
  const archive = join(scratch, "archive.tar");
  writeFileSync(archive, bytes);
  for (const peer of peers) {
    const target = join(scratch, "peer");
    mkdirSync(target);
    try {
      const result = Bun.spawnSync([...peer.command(archive, target)]);
      expect([name, peer.name, result.exitCode, result.stderr.toString()]).toEqual([name, peer.name, 0, ""]);
      expect([name, peer.name, snapshot(target)]).toEqual([name, peer.name, own]);
    } finally {
      rmSync(target, { recursive: true });
    }
  }
}

async function unpackOurselves(bytes: Uint8Array): Promise<Record<string, string> | undefined> {
  const target = join(scratch, "own");
  mkdirSync(target);
  const writer = new TreeWriter(target);
  try {
    // A first pass without files: what is refused at its end must not be compared.
    const judge = new TarReader({ entry() {}, data() {}, entryEnd() {} });
    judge.write(bytes);
    judge.end();
    const reader = new TarReader(writer);
    reader.write(bytes);
    reader.end();
    await writer.finish();
    return snapshot(target);
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return undefined;
  } finally {
    await writer.abandon();
    rmSync(target, { recursive: true });
  }
}

function snapshot(root: string): Record<string, string> {
  const files = listFiles(root, () => true).map((entry): [string, string] => {
    if (entry.type === "symlink") return [entry.path, `-> ${entry.linkTarget}`];
    if (entry.type === "directory") return [entry.path, "directory"];
    return [entry.path, `${entry.executable ? "program" : "file"} ${digestOf(readFileSync(entry.source))}`];
  });
  return Object.fromEntries(files);
}

function mutate(
  bytes: Uint8Array<ArrayBuffer>,
  change: { kind: string; at: number; to: number; bit: number },
): Uint8Array<ArrayBuffer> {
  const blocks = bytes.length / 512;
  const [from, to] = [change.at % blocks, change.to % blocks];
  const block = (index: number) => bytes.slice(index * 512, (index + 1) * 512);
  const copy = bytes.slice();
  switch (change.kind) {
    case "flip": {
      const at = change.at % bytes.length;
      copy[at] = (copy[at] ?? 0) ^ (1 << change.bit);
      return copy;
    }
    case "swap":
      copy.set(block(to), from * 512);
      copy.set(block(from), to * 512);
      return copy;
    case "drop":
      return concatBytes([bytes.slice(0, from * 512), bytes.slice((from + 1) * 512)]);
    case "repeat":
      return concatBytes([bytes.slice(0, to * 512), block(from), bytes.slice(to * 512)]);
    default:
      return concatBytes([bytes, bytes]);
  }
}
