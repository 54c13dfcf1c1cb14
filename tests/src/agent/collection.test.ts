import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { Universe } from "../resolution/universe.ts";
import { AgentSite, faultOf } from "./agent-site.ts";
import { until } from "../colonies/until.ts";
import { entriesOf, faultsOfDirectory, refsOf, treesOf } from "./packages-directory.ts";
import { noise } from "./payload.ts";
import { SmallDisk } from "./small-disk.ts";

/** Where the agent dies while it removes a package and its layer, and what of the package is then there. */
interface KillPoint {
  readonly step: string;
  readonly ref: boolean;
  readonly tree: boolean;
}

/** In order. */
const killPoints: readonly KillPoint[] = [
  { step: "collect/blob-removed", ref: true, tree: true },
  { step: "collect/ref-removed", ref: false, tree: true },
  { step: "collect/tree-hidden", ref: false, tree: false },
];

const everything = 10n ** 15n;
const exactly = (name: string) => ({ package: { name, selector: { case: "range", value: "1.0.0" } } }) as const;

let universe: Universe;
beforeAll(async () => {
  universe = await Universe.open();
});
afterAll(() => universe.close());

async function onNode(use: (site: AgentSite) => Promise<void>): Promise<void> {
  const site = await AgentSite.of(universe);
  try {
    await use(site);
  } finally {
    await site.leave();
  }
}

/** What was made just now is spared. */
function makeOld(root: string): void {
  for (const folder of ["trees/sha256", "blobs/sha256"])
    for (const name of entriesOf(root, folder)) {
      // One may be on its way out.
      if (existsSync(join(root, folder, name))) utimesSync(join(root, folder, name), 1, 1);
    }
}

test("every step of a collection that has a name is a kill point", () => {
  const source = readFileSync(join(import.meta.dir, "../../../apps/agent/src/node/collect-trees.ts"), "utf8");
  const named = [...source.matchAll(/\bfailpoint\("([^"]+)"\)/g)].map(([, step = ""]) => step);
  expect(new Set(killPoints.map(({ step }) => step))).toEqual(new Set(named));
});

describe("an agent that is killed while it collects", () => {
  test.each(killPoints)(
    "at $step leaves whole things, and the next one finishes and puts the package here again",
    async ({ step, ref, tree }) => {
      const name = `rise/collected-${step.replaceAll("/", "-")}`;
      await universe.publish(name, "1.0.0", { files: { "payload/a": name } });
      await onNode(async (site) => {
        const doomed = await site.start([], { CPM_TEST: "1", CPM_FAILPOINT: step });
        await site.client().ensure(exactly(name));
        makeOld(site.root);
        expect(await faultOf(site.client().collect({ freeBytes: everything }))).toMatchObject({ kind: "unavailable" });
        expect(await doomed.ended).toEqual({ exitCode: null, signalCode: "SIGKILL" });
        expect(faultsOfDirectory(site.root)).toEqual([]);
        expect([refsOf(site.root).length, treesOf(site.root).length]).toEqual([ref ? 1 : 0, tree ? 1 : 0]);

        const hidden = entriesOf(site.root, "trash");
        expect(hidden).toHaveLength(tree ? 0 : 1);
        await site.start();
        // It has begun to collect by then, so another tree may be on its way out.
        expect(entriesOf(site.root, "trash").filter((name) => hidden.includes(name))).toEqual([]);
        makeOld(site.root);
        await site.client().collect({ freeBytes: everything });
        expect([refsOf(site.root), treesOf(site.root), entriesOf(site.root, "blobs/sha256")]).toEqual([[], [], []]);
        expect(entriesOf(site.root, "trash")).toEqual([]);
        expect((await site.client().ensure(exactly(name))).present).toBe(false);
        expect(faultsOfDirectory(site.root)).toEqual([]);
      });
    },
    120_000,
  );
});

test("an agent that starts on a disk that is fuller than it may be makes room: blobs, then what was used longest ago", async () => {
  await onNode(async (site) => {
    const disk = SmallDisk.mount(site.root, 12_000_000);
    if (disk === undefined) {
      process.stderr.write("a disk that is too full is not tried: this process may not mount one\n");
      return;
    }
    try {
      // Twice 2 MB each: as fetched and unpacked.
      const names = ["rise/pressed-first", "rise/pressed-second"];
      for (const name of names) await universe.publish(name, "1.0.0", { files: { "payload/noise": noise(2_000_000) } });
      await site.start(["--high-water", "off"]);
      for (const name of names) await site.client().ensure(exactly(name));
      makeOld(site.root);
      await site.agent.end("SIGTERM");
      expect([refsOf(site.root).length, entriesOf(site.root, "blobs/sha256").length]).toEqual([2, 4]);
      const agent = await site.start(["--high-water", "60%", "--low-water", "20%"]);
      const removals = () => agent.log.filter(({ event }) => event === "collected");
      await until(removals, ({ length }) => length > 0);
      expect(removals()).toMatchObject([{ removedTrees: 1, removedBlobs: 4 }]);
      expect(refsOf(site.root)).toEqual(["rise/pressed-second/1.0.0"]);
      expect(entriesOf(site.root, "blobs/sha256")).toEqual([]);
      expect(agent.log.some(({ event }) => event === "disk-pressure")).toBe(false);
    } finally {
      await site.agent.end("SIGKILL");
      disk.close();
    }
  });
}, 120_000);

test("64 clients that ask at once, while everything is collected again and again, each have what they hold", async () => {
  const names = Array.from({ length: 4 }, (_, index) => `rise/contended-${index}`);
  for (const name of names) await universe.publish(name, "1.0.0", { files: { "payload/a": name } });
  await onNode(async (site) => {
    await site.start();
    const collector = site.client();
    const done = new AbortController();
    let removedTrees = 0;
    const use = async (index: number): Promise<void> => {
      const client = site.client();
      const name = names[index % names.length] ?? "";
      for (let turn = 0; turn < 5; turn++) {
        const held = await client.holdPackage(`${name}@1.0.0`);
        await Bun.sleep(index % 7);
        expect(readFileSync(join(held.path, "payload/a"), "utf8")).toBe(name);
        await held.release();
      }
    };
    const collect = async (): Promise<void> => {
      while (!done.signal.aborted) {
        makeOld(site.root);
        const result = await collector.collect({ freeBytes: everything });
        removedTrees += result.removedTrees;
      }
    };
    const collecting = collect();
    const results = await Promise.allSettled(Array.from({ length: 64 }, (_, index) => use(index)));
    done.abort();
    await collecting;
    const failures = results.flatMap((result) => (result.status === "rejected" ? [codeOf(result.reason)] : []));
    expect(failures).toEqual([]);
    expect(removedTrees).toBeGreaterThan(0);
    expect(faultsOfDirectory(site.root)).toEqual([]);
  });
}, 120_000);

function codeOf(error: unknown): string {
  return isCpmError(error) ? `${error.code}: ${error.message}` : String(error);
}
