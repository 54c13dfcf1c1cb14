import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, propertyRuns } from "@cpm/base/testing";
import { openNodeStore } from "@cpm/store";
import type { NodeStore } from "@cpm/store";
import { codeOf, packed, serve } from "@cpm/store/testing/tree-unpacker";
import { confinedProcesses } from "../testing/confined-processes.ts";
import { WorkerUnpacker } from "./worker-unpacker.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-kill-worker-"));
afterAll(() => {
  Bun.spawnSync(["chmod", "-R", "u+w", scratch]);
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;
const open = (): NodeStore => openNodeStore(join(scratch, `k${count++}`), new WorkerUnpacker());
const supported = process.platform === "linux";

afterEach(() => {
  delete process.env["CPM_TEST"];
  delete process.env["CPM_FAILPOINT"];
});

const wanted = packed(
  { large: crypto.getRandomValues(new Uint8Array(60_000)), "a/b": "x" },
  Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`files/f${at}`, `content of ${at}`])),
);

/** What is to hold after whatever happened: nothing half done, and the next request succeeds. */
async function expectSound(store: NodeStore): Promise<void> {
  const { blobs, request } = await wanted;
  expect(readdirSync(join(store.root, "staging"))).toEqual([]);
  expect(confinedProcesses(process.pid)).toEqual([]);
  await store.ensureTree({ ...request, source: serve(blobs) });
  expect(store.damagedPaths(request.tree)).toEqual([]);
}

const steps = ["request-read", "entry:30", "layer-unpacked:1", "layer-unpacked:2", "tree-written", "measured"];

test("every step of a worker that has a name is one at which it is killed", () => {
  const sources = readdirSync(import.meta.dir).filter((name) => name.endsWith("-program.ts"));
  const named = sources.flatMap((name) => [
    ...readFileSync(join(import.meta.dir, name), "utf8").matchAll(/\bfailpoint\("worker\/([^"]+)"\)/g),
  ]);
  expect(new Set(steps.map((step) => step.split(":")[0]))).toEqual(new Set(named.map(([, step = ""]) => step)));
});

test.skipIf(!supported).each(steps)(
  "a worker that is killed at %s fails its request alone",
  async (step) => {
    const { blobs, request } = await wanted;
    const store = open();
    process.env["CPM_TEST"] = "1";
    process.env["CPM_FAILPOINT"] = `worker/${step}`;
    expect(await codeOf(store.ensureTree({ ...request, source: serve(blobs) }))).toBe("agent/worker-killed");
    expect(store.holds(request.tree)).toBe(false);
    delete process.env["CPM_FAILPOINT"];
    await expectSound(store);
  },
  30_000,
);

test.skipIf(!supported)(
  "a worker that is killed once is replaced, and nobody notices",
  async () => {
    const { blobs, request } = await wanted;
    const store = open();
    const work = store.ensureTree({ ...request, source: serve(blobs) });
    await killNext();
    expect(await work).toMatchObject({ present: false });
    await expectSound(store);
  },
  30_000,
);

test.skipIf(!supported)(
  "a worker that is killed at any instant leaves a whole tree or none",
  async () => {
    const { blobs, request } = await wanted;
    const { numRuns, seed } = propertyRuns(10);
    const random = createRandom(seed);
    const outcomes = new Map<string, number>();
    for (let run = 0; run < numRuns; run++) {
      const store = open();
      const work = codeOf(store.ensureTree({ ...request, source: serve(blobs) }));
      // Up to three of the processes that come after one another, each somewhere in its life.
      for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills--) {
        await sleep(random() * 250);
        for (const pid of confinedProcesses(process.pid)) kill(pid);
      }
      const outcome = await work;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(["none", "agent/worker-killed"]).toContain(outcome);
      expect(store.holds(request.tree)).toBe(outcome === "none");
      await expectSound(store);
    }
    process.stderr.write(`killed at ${numRuns} instants: ${JSON.stringify(Object.fromEntries(outcomes))}\n`);
  },
  3_600_000,
);

test.skipIf(!supported)(
  "a request that is cancelled ends its worker",
  async () => {
    const { blobs, request } = await wanted;
    const store = open();
    const controller = new AbortController();
    const work = store.ensureTree({ ...request, source: serve(blobs), signal: controller.signal });
    while (confinedProcesses(process.pid).length === 0) await sleep(1);
    controller.abort(new Error("nobody waits for it"));
    await expect(work).rejects.toThrow("nobody waits for it");
    await expectSound(store);
  },
  30_000,
);

/** Waits until there is a worker, and kills it. */
async function killNext(): Promise<void> {
  for (;;) {
    const [pid] = confinedProcesses(process.pid);
    if (pid !== undefined) return kill(pid);
    await sleep(1);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
