import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { failpointsIn } from "../failpoints.ts";
import { Universe } from "../resolution/universe.ts";
import { AgentSite } from "./agent-site.ts";
import { LoopDisk } from "./loop-disk.ts";
import { entriesOf, faultsOfDirectory, treesOf } from "./packages-directory.ts";
import { noise } from "./payload.ts";

const fileBytes = 8192;
const fileCount = 200;
const common = Object.fromEntries(
  Array.from({ length: fileCount - 1 }, (_, at) => [`payload/${at % 10}/file-${at}`, noise(fileBytes)]),
);
const name = "rise/model";
const versions = ["1.0.0", "1.1.0"] as const;

let universe: Universe;
beforeAll(async () => {
  universe = await Universe.open();
  // Two versions that differ in one file of 200.
  for (const version of versions)
    await universe.publish(name, version, { files: { ...common, "payload/changed": noise(fileBytes) } });
}, 60_000);
afterAll(() => universe.close());

async function onNode(use: (site: AgentSite) => Promise<void>): Promise<void> {
  const site = await AgentSite.of(universe);
  try {
    await use(site);
  } finally {
    await site.leave();
  }
}

const wanted = (version: string) => ({ package: { name, selector: { case: "range", value: version } } }) as const;

async function place(site: AgentSite, version: string): Promise<string> {
  return (await site.client().ensure(wanted(version))).installed?.path ?? "";
}

/** What trees take on the disk, each file once: as du(1) counts it, but for directories. */
function takenBytes(...roots: readonly string[]): number {
  const taken = new Map<number, number>();
  for (const root of roots) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const { ino, size } = statSync(join(entry.parentPath, entry.name));
      taken.set(ino, size);
    }
  }
  return [...taken.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

async function metric(site: AgentSite, line: string): Promise<number> {
  const text = await (await fetch(`http://${site.agent.watchPoint}/metrics`)).text();
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

/** As a disk would do it: the file stays, its bytes change. */
function damage(path: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, new Uint8Array(fileBytes));
  chmodSync(path, 0o444);
}

test("a second version takes the bytes of what is new in it, and the first goes without it", async () => {
  await onNode(async (site) => {
    await site.start();
    expect(site.agent.log.find(({ event }) => event === "serving")).toMatchObject({ sharesFiles: true });
    const one = await place(site, versions[0]);
    const two = await place(site, versions[1]);
    const sharedBytes = (fileCount - 1) * fileBytes;
    expect(takenBytes(one, two) - takenBytes(one)).toBeLessThan(2 * fileBytes);
    expect(await metric(site, "cpm_agent_shared_bytes_total")).toBeGreaterThanOrEqual(sharedBytes);

    for (const tree of treesOf(site.root)) utimesSync(join(site.root, "trees/sha256", tree), 1, 1);
    const freed = async (dryRun: boolean) =>
      (await site.client().collect({ freeBytes: 10n ** 15n, dryRun })).freedBytes;
    const blobBytes = entriesOf(site.root, "blobs/sha256")
      .map((hex) => statSync(join(site.root, "blobs/sha256", hex)).size)
      .reduce((sum, size) => sum + size, 0);
    // Each alone would leave what both have, so a trial run promises none of it.
    expect(Number(await freed(true))).toBeLessThan(blobBytes + sharedBytes);
    const { treeRemoved } = await site.client().remove(name, versions[0]);
    expect([treeRemoved, faultsOfDirectory(site.root)]).toEqual([true, []]);
    expect(Number(await freed(false))).toBeGreaterThanOrEqual(sharedBytes);
    expect([treesOf(site.root), objectsOf(site.root)]).toEqual([[], []]);
  });
}, 120_000);

test("a damaged file is replaced in every tree that has it, and the trees share the new one", async () => {
  await onNode(async (site) => {
    await site.start();
    const paths = [await place(site, versions[0]), await place(site, versions[1])];
    const files = paths.map((path) => join(path, "payload/3/file-3"));
    damage(files[0] ?? "");
    for (const version of versions) {
      const { damagedPaths, healed } = await site.client().verify({ ...wanted(version), heal: true });
      expect([version, damagedPaths, healed]).toEqual([version, ["payload/3/file-3"], true]);
    }
    expect(faultsOfDirectory(site.root)).toEqual([]);
    expect(new Set(files.map((file) => statSync(file).ino)).size).toBe(1);
  });
}, 120_000);

/**
 * In order of a second version's way to the disk: its 199 files are taken one by one, the last one is kept. A worker that
 * is killed is started over; the second takes what the first has kept, and does not come to that step.
 */
const killPoints = [
  { step: "share/file-taken", code: "agent/worker-killed" },
  { step: "share/file-taken:100", code: "agent/worker-killed" },
  { step: "share/file-kept", code: "none" },
];

test("every step of sharing that has a name is a kill point", () => {
  const named = failpointsIn("packages/store/src").filter((step) => step.startsWith("share/"));
  expect(new Set(killPoints.map(({ step }) => step.split(":")[0]))).toEqual(new Set(named));
});

describe("a worker that is killed while it gives a tree shared files", () => {
  test.each(killPoints)(
    "at $step leaves the other tree whole, and ends in $code",
    async ({ step, code }) => {
      await onNode(async (site) => {
        await site.start();
        await place(site, versions[0]);
        await site.agent.end("SIGTERM");
        await site.start([], { CPM_TEST: "1", CPM_FAILPOINT: step });
        const ensuring = site.client().ensure(wanted(versions[1]));
        const ended = await ensuring.then(
          () => "none",
          (error: unknown) => (isCpmError(error) ? error.code : String(error)),
        );
        expect(ended).toBe(code);
        expect([treesOf(site.root).length, faultsOfDirectory(site.root)]).toEqual([code === "none" ? 2 : 1, []]);
        expect(entriesOf(site.root, "staging")).toEqual([]);
        expect(await metric(site, "cpm_agent_ensures_running")).toBe(0);
        await site.agent.end("SIGTERM");
        await site.start();
        const two = await place(site, versions[1]);
        expect(faultsOfDirectory(site.root)).toEqual([]);
        expect(statSync(join(two, "payload/3/file-3")).nlink).toBe(3);
      });
    },
    120_000,
  );
});

test.each(["btrfs", "xfs"])(
  "on %s too",
  async (type) => {
    await onNode(async (site) => {
      const disk = LoopDisk.mount(site.root, type);
      if (disk === undefined) {
        process.stderr.write(`files are not shared on ${type}: this process may not make or mount one\n`);
        return;
      }
      try {
        await site.start();
        const [one, two] = [await place(site, versions[0]), await place(site, versions[1])];
        expect(statSync(join(two, "payload/3/file-3")).ino).toBe(statSync(join(one, "payload/3/file-3")).ino);
        await site.client().remove(name, versions[0]);
        expect(faultsOfDirectory(site.root)).toEqual([]);
      } finally {
        await site.agent.end("SIGKILL");
        disk.close();
      }
    });
  },
  120_000,
);

function objectsOf(root: string): readonly string[] {
  return entriesOf(root, "objects", "sha256").flatMap((folder) => entriesOf(root, "objects", "sha256", folder));
}
