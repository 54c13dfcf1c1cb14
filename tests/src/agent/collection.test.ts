import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { Universe } from "../resolution/universe.ts";
import { AgentSite, faultOf } from "./agent-site.ts";
import { entriesOf, faultsOfDirectory, refsOf, treesOf } from "./packages-directory.ts";

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

        await site.start();
        expect(entriesOf(site.root, "trash")).toEqual([]);
        makeOld(site.root);
        await site.client().collect({ freeBytes: everything });
        expect([refsOf(site.root), treesOf(site.root), entriesOf(site.root, "blobs/sha256")]).toEqual([[], [], []]);
        expect((await site.client().ensure(exactly(name))).present).toBe(false);
        expect(faultsOfDirectory(site.root)).toEqual([]);
      });
    },
    120_000,
  );
});

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
