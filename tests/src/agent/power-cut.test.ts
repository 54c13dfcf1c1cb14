import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confinedProcesses } from "@cpm/agent/testing";
import { openAgent } from "@cpm/agent-client";
import { createRandom, propertyRuns } from "@cpm/base/testing";
import { Universe } from "../resolution/universe.ts";
import { startAgentProcess } from "./agent-process.ts";
import type { AgentProcess } from "./agent-process.ts";
import { CutDisk } from "./cut-disk.ts";
import { entriesOf, faultsOfDirectory, refsOf } from "./packages-directory.ts";
import { largestLayer, noise } from "./payload.ts";

const { numRuns, seed } = propertyRuns(2);
const diskBytes = 64_000_000 + numRuns * 1_000_000;
const folder = mkdtempSync(join(tmpdir(), "cpm-power-"));
const disk = CutDisk.make(join(folder, "disks"), diskBytes);
if (disk === undefined) process.stderr.write("power cuts are not tried: this process may not mount a disk\n");

let universe: Universe;
beforeAll(async () => {
  universe = await Universe.open();
});
afterAll(async () => {
  disk?.close();
  await universe.close();
  Bun.spawnSync(["chmod", "-R", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** What every tree shares with those before it. */
const common = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`payload/common-${at}`, noise(5000)]));

const socket = join(folder, "agent.sock");
const start = (root: string): Promise<AgentProcess> =>
  startAgentProcess({ root: join(root, "packages"), socket, registry: universe.registry.host });

/** A lease is a file that is synced after the rest, which would hide what is not. */
async function ensure(name: string, leased: boolean): Promise<void> {
  const agent = openAgent({ socket, clientName: "test", clientVersion: "0" });
  const selector = { case: "range", value: "1.0.0" } as const;
  try {
    const lease = leased ? { lease: { id: "power", purpose: "power cut" } } : {};
    await agent.ensure({ package: { name, selector }, ...lease });
  } finally {
    agent.close();
  }
}

test.skipIf(disk === undefined)(
  "after a power cut at any instant every tree is whole, and what was answered is there",
  async () => {
    if (disk === undefined) return;
    const random = createRandom(seed);
    const answered: string[] = [];
    for (let run = 0; run < numRuns; run++) {
      const name = `rise/power-${run}`;
      const files = Array.from({ length: 40 }, (_, at) => [`payload/f${at}`, noise(1 + Math.floor(random() * 9000))]);
      // oxlint-disable no-await-in-loop -- one cut after another
      await universe.publish(name, "1.0.0", { files: { ...common, ...Object.fromEntries(files) } });
      const agent = await start(disk.root);
      const before = [...answered];
      const leased = run % 2 === 1;
      const ensuring = ensure(name, leased);
      await Bun.sleep(random() * 300);
      const amid = cutWhile(agent, disk);
      await ensuring;
      const after = cutWhile(agent, disk);
      answered.push(`${name}/1.0.0`);
      await agent.end("SIGKILL");
      await expectWhole(amid, before, name);
      await expectWhole(after, answered, name, leased);
      // oxlint-enable no-await-in-loop
    }
    process.stderr.write(
      `${2 * numRuns} power cuts, copies ${disk.atomic ? "of one instant" : "of a stopped agent"}\n`,
    );
  },
  3_600_000,
);

test("bytes under way that a power cut damaged are fetched anew", async () => {
  await universe.publish("rise/damaged", "1.0.0", { files: { "payload/noise": noise(300_000) } });
  const { hex } = await largestLayer(universe.registry.host, "rise/damaged", "1.0.0");
  const ingest = join(folder, "packages/ingest");
  mkdirSync(ingest, { recursive: true });
  writeFileSync(join(ingest, `sha256-${hex}`), new Uint8Array(100_000));
  const agent = await start(folder);
  await ensure("rise/damaged", false);
  await agent.end("SIGTERM");
  expect(faultsOfDirectory(join(folder, "packages"))).toEqual([]);
  expect(refsOf(join(folder, "packages"))).toEqual(["rise/damaged/1.0.0"]);
}, 30_000);

/** Where copies take time, the agent and its workers stand still meanwhile. */
function cutWhile({ pid }: AgentProcess, disk: CutDisk): CutDisk {
  const processes = disk.atomic ? [] : [pid, ...confinedProcesses(pid)];
  for (const process_ of processes) signal(process_, "SIGSTOP");
  try {
    return disk.cut();
  } finally {
    for (const process_ of processes) signal(process_, "SIGCONT");
  }
}

async function expectWhole(cut: CutDisk, answered: readonly string[], underWay: string, leased = false): Promise<void> {
  try {
    cut.recover();
    const root = join(cut.root, "packages");
    expect(faultsOfDirectory(root)).toEqual([]);
    expect(refsOf(root)).toEqual(expect.arrayContaining([...answered]));
    if (leased) expect(entriesOf(root, "leases")).toContain("power.json");
    const agent = await start(cut.root);
    try {
      expect(entriesOf(root, "staging")).toEqual([]);
      await ensure(underWay, false);
      expect(faultsOfDirectory(root)).toEqual([]);
      expect(entriesOf(root, "ingest")).toEqual([]);
    } finally {
      await agent.end("SIGKILL");
    }
  } finally {
    cut.close();
  }
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
