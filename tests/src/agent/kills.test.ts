import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { confinedProcesses } from "@cpm/agent/testing";
import type { Agent } from "@cpm/agent-client";
import { isCpmError } from "@cpm/base";
import { createRandom, propertyRuns } from "@cpm/base/testing";
import { failpointsIn } from "../failpoints.ts";
import type { FaultProxy } from "../registry/fault-proxy.ts";
import { Universe } from "../resolution/universe.ts";
import { AgentSite, faultOf } from "./agent-site.ts";
import { entriesOf, faultsOfDirectory, ingestedBytesOf, refsOf, treesOf } from "./packages-directory.ts";
import { largestLayer, noise } from "./payload.ts";
import type { Layer } from "./payload.ts";

/** Where the agent dies while it puts a package of two layers here, in order, and what is then there. */
interface KillPoint {
  readonly step: string;
  readonly turn?: number;
  /** Of the larger layer, which is fetched last. */
  readonly layer: "none" | "some" | "whole";
  readonly tree: boolean;
  readonly ref: boolean;
}

const nothing = { tree: false, ref: false } as const;
const killPoints: readonly KillPoint[] = [
  { step: "ensure/record-written", layer: "none", ...nothing },
  { step: "node/staging-made", turn: 1, layer: "none", ...nothing },
  { step: "blob/written", turn: 3, layer: "some", ...nothing },
  { step: "blob/synced", turn: 1, layer: "none", ...nothing },
  { step: "blob/renamed", turn: 1, layer: "none", ...nothing },
  { step: "blob/synced", turn: 2, layer: "whole", ...nothing },
  { step: "blob/renamed", turn: 2, layer: "whole", ...nothing },
  { step: "node/tree-unpacked", layer: "whole", ...nothing },
  { step: "node/tree-synced", layer: "whole", ...nothing },
  { step: "node/tree-renamed", layer: "whole", tree: true, ref: false },
  { step: "node/tree-published", layer: "whole", tree: true, ref: false },
  { step: "node/ref-created", layer: "whole", tree: true, ref: false },
  { step: "node/ref-renamed", layer: "whole", tree: true, ref: true },
  { step: "ensure/placed", layer: "whole", tree: true, ref: true },
  { step: "ensure/leased", layer: "whole", tree: true, ref: true },
];

const contentBytes = 400_000;
const leaseId = "survivor";
const wanted = (name: string) => ({
  package: { name, selector: { case: "range", value: "1.0.0" } } as const,
  lease: { id: leaseId, purpose: "kills" },
});

let universe: Universe;
beforeAll(async () => {
  universe = await Universe.open();
});
afterAll(() => universe.close());

const publish = (name: string) =>
  universe.publish(name, "1.0.0", { files: { "payload/noise": noise(contentBytes), "payload/a/b": name } });

async function onNode(use: (site: AgentSite) => Promise<void>): Promise<void> {
  const site = await AgentSite.of(universe);
  try {
    await use(site);
  } finally {
    await site.leave();
  }
}

test("every step that has a name is a kill point", () => {
  const named = failpointsIn("apps/agent/src", "packages/store/src");
  // The worker's, the collection's and those of the command line's own unpacking have tests beside theirs.
  const ours = named.filter((step) => /^(blob|node|ensure)\//.test(step) && step !== "node/layer-unpacked");
  expect(new Set(killPoints.map(({ step }) => step))).toEqual(new Set(ours));
});

describe("an agent that is killed", () => {
  test.concurrent.each(killPoints.map((point) => [`${point.step}:${point.turn ?? 1}`, point] as const))(
    "at %s leaves whole things, and the next one goes on from there",
    async (step, { layer: left, tree, ref }) => {
      const name = `rise/killed-${step.replaceAll(/[/:]/g, "-")}`;
      await publish(name);
      const layer = await largestLayer(universe.registry.host, name, "1.0.0");
      await onNode(async (site) => {
        // In pieces, of which the first ones are on the disk when it dies.
        site.network.faults.push({ path: new RegExp(layer.path), paceMs: 20 });
        const doomed = await site.start([], { CPM_TEST: "1", CPM_FAILPOINT: step });
        expect(await faultOf(site.client().ensure(wanted(name)))).toMatchObject({ kind: "unavailable" });
        // By its own hand: nobody else sent the signal yet.
        expect(await doomed.ended).toEqual({ exitCode: null, signalCode: "SIGKILL" });

        expect(faultsOfDirectory(site.root)).toEqual([]);
        expect([treesOf(site.root).length, refsOf(site.root).length]).toEqual([tree ? 1 : 0, ref ? 1 : 0]);
        const kept = keptOf(site, layer);
        expect(stateOf(kept, layer)).toBe(left);
        const asked = requestsFor(site.network, layer).length;

        await site.start();
        expect(entriesOf(site.root, "staging")).toEqual([]);
        const { installed, present } = await site.client().ensure(wanted(name));
        expect([present, installed?.leases, installed?.version]).toEqual([ref, 1, "1.0.0"]);
        expect(requestsFor(site.network, layer).slice(asked)).toEqual(kept === layer.sizeBytes ? [] : [kept]);
        await expectLocked(site.client(), name);
        await site.agent.end("SIGKILL");
        expect(faultsOfDirectory(site.root)).toEqual([]);
        expect(entriesOf(site.root, "ingest")).toEqual([]);
      });
    },
    120_000,
  );

  test("or whose worker is killed, at any instant, leaves whole trees, and the next one finishes them", async () => {
    const { numRuns, seed } = propertyRuns(5);
    const random = createRandom(seed);
    const outcomes: Record<string, number> = {};
    await onNode(async (site) => {
      await site.start();
      for (let run = 0; run < numRuns; run++) {
        const names = [`rise/any-${run}-a`, `rise/any-${run}-b`];
        // oxlint-disable no-await-in-loop -- one life after another
        for (const name of names) await publish(name);
        const ensuring = names.map((name) => codeOf(site.client().ensure(wanted(name))));
        await Bun.sleep(random() * 400);
        if (random() < 0.6) {
          await site.agent.end("SIGKILL");
          await Promise.all(ensuring);
          expect(faultsOfDirectory(site.root)).toEqual([]);
          await site.start();
          expect(entriesOf(site.root, "staging")).toEqual([]);
        } else for (const pid of confinedProcesses(site.agent.pid)) process.kill(pid, "SIGKILL");
        for (const code of await Promise.all(ensuring)) outcomes[code] = (outcomes[code] ?? 0) + 1;
        for (const name of names) await site.client().ensure(wanted(name));
        expect(entriesOf(site.root, "ingest")).toEqual([]);
        expect(faultsOfDirectory(site.root)).toEqual([]);
        for (const name of names) await site.client().remove(name, "1.0.0");
        // oxlint-enable no-await-in-loop
      }
    });
    process.stderr.write(`killed at ${numRuns} instants: ${JSON.stringify(outcomes)}\n`);
    expect(
      Object.keys(outcomes).every((code) => ["none", "agent-client/unreachable", "agent/worker-killed"].includes(code)),
    ).toBe(true);
  }, 3_600_000);
});

/** Bytes of a layer that are on the disk. */
function keptOf({ root }: AgentSite, { hex, sizeBytes }: Layer): number {
  return existsSync(join(root, "blobs/sha256", hex)) ? sizeBytes : ingestedBytesOf(root, hex);
}

function stateOf(keptBytes: number, { sizeBytes }: Layer): KillPoint["layer"] {
  return keptBytes === 0 ? "none" : keptBytes < sizeBytes ? "some" : "whole";
}

/** Where the requests for a layer began. */
function requestsFor(network: FaultProxy, { path }: Layer): readonly number[] {
  return network.exchanges
    .filter((exchange) => exchange.path === path)
    .map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? 0));
}

/** By the lock of its tree, which no call is made for. */
async function expectLocked(agent: Agent, name: string): Promise<void> {
  const held = await agent.holdPackage(`${name}@1.0.0`);
  expect(held.path).toEndWith("/root");
  await held.release();
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}
