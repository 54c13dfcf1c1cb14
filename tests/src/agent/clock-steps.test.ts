import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveAgent } from "@cpm/agent";
import type { RunningAgent } from "@cpm/agent";
import { openAgent } from "@cpm/agent-client";
import { anonymous } from "@cpm/registry-client";
import { startFaultProxy } from "../registry/fault-proxy.ts";
import type { FaultProxy } from "../registry/fault-proxy.ts";
import { Universe } from "../resolution/universe.ts";
import { noise } from "./payload.ts";

const year = 365 * 24 * 60 * 60_000;
const folder = mkdtempSync(join(tmpdir(), "cpm-clock-"));
const socket = join(folder, "agent.sock");
const client = openAgent({ socket, root: join(folder, "packages"), clientName: "test", clientVersion: "0" });

let universe: Universe;
let network: FaultProxy;
let running: RunningAgent;
beforeAll(async () => {
  universe = await Universe.open();
  network = await startFaultProxy(universe.registry.host);
  running = await serve();
});
afterAll(async () => {
  client.close();
  await running.stop();
  network.stop();
  await universe.close();
  Bun.spawnSync(["chmod", "-R", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  universe.aheadMs = 0;
});

/** The agent by the universe's clock, which the tests set. */
function serve(): Promise<RunningAgent> {
  return serveAgent({
    root: join(folder, "packages"),
    registry: network.host,
    plainHttp: true,
    credentials: anonymous,
    trustPolicyPath: undefined,
    platform: "linux/amd64",
    socketPath: socket,
    inheritedSocket: undefined,
    socketMode: 0o600,
    metricsAddress: undefined,
    administrators: [],
    limits: {
      maxMessageBytes: 4 * 1024 * 1024,
      maxPageSize: 1000,
      workerMemoryBytes: 256_000_000,
      maxConcurrentEnsures: 4,
      namespaceQuotaBytes: undefined,
      defaultLeaseMs: 60 * 60_000,
      maxLeaseMs: 24 * 60 * 60_000,
    },
    executor: undefined,
    keepUnusedMs: undefined,
    scrubEveryMs: undefined,
    scrubBytesPerSecond: 1_000_000,
    waterMarks: undefined,
    isolationRequired: false,
    freshMs: 60 * 60_000,
    registryTimeoutMs: 30_000,
    graceMs: 1000,
    minFreeBytes: 0,
    log: () => {},
    logged: () => false,
    clock: universe.clock,
    environment: {},
  });
}

const wanted = (name: string, value: string) => ({ package: { name, selector: { case: "range", value } } }) as const;

describe.each([
  ["forward", year],
  ["back", -year],
])("when the time of day is set %s by a year", (way, stepMs) => {
  test("what is leased, locked or on its way stays", async () => {
    const names = ["leased", "locked", "coming"].map((what) => `rise/${what}-${way}`);
    const [leased = "", locked = "", coming = ""] = names;
    for (const name of names)
      // oxlint-disable-next-line no-await-in-loop -- one registry
      await universe.publish(name, "1.0.0", { files: { "payload/noise": noise(300_000) } });
    const lease = { lease: { purpose: "clock" } };
    const first = await client.ensure({ ...wanted(leased, "1.0.0"), ...lease });
    await client.ensure(wanted(locked, "1.0.0"));
    const held = await client.holdPackage(`${locked}@1.0.0`);
    for (const name of [leased, locked])
      // oxlint-disable-next-line no-await-in-loop -- one after another
      await client.remove(name, "1.0.0");
    const arrive = Promise.withResolvers<void>();
    const path = new RegExp(`/v2/${coming}/blobs/`);
    network.faults.push({ path, times: 3, cutResponseAfter: 100_000, cutWhen: arrive.promise });
    const ensuring = client.ensure(wanted(coming, "1.0.0"));
    while (!network.exchanges.some((exchange) => path.test(exchange.path))) await Bun.sleep(5);

    universe.aheadMs += stepMs;
    await client.collect({});
    arrive.resolve();
    expect(existsSync((await ensuring).installed?.path ?? "")).toBe(true);
    await client.collect({});
    expect([first.installed?.path ?? "", held.path].map((each) => existsSync(each))).toEqual([true, true]);

    await running.stop();
    running = await serve();
    await client.collect({});
    expect(existsSync(first.installed?.path ?? "")).toBe(true);
    const { lease: renewed } = await client.renew({ id: first.lease?.id ?? "" });
    expect(Number(renewed?.expiresAt?.seconds) * 1000).toBeGreaterThan(universe.clock.now());
    await held.release();
    await client.release(first.lease?.id ?? "");
  }, 60_000);

  test("a listing of the registry is not fresh any more", async () => {
    const name = `rise/listed-${way}`;
    await universe.publish(name, "1.0.0");
    expect((await client.ensure(wanted(name, "^1.0.0"))).installed?.version).toBe("1.0.0");
    await universe.publish(name, "1.1.0", { note: "newer" });
    universe.aheadMs += stepMs;
    expect((await client.ensure(wanted(name, "^1.0.0"))).installed?.version).toBe("1.1.0");
  });
});
