import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, existsSync } from "node:fs";
import { join } from "node:path";
import { AgentSite } from "./agent-site.ts";
import { listenWithoutAccepting } from "./listening-socket.ts";

const clients = 100;
const upgrades = 10;
const wanted = { package: { name: "rise/small", selector: { case: "range", value: "1.0.0" } } } as const;
/** Calls between two upgrades. */
const callsBetween = 200;

describe.skipIf(process.platform !== "linux")("a socket that the agent was started with", () => {
  let site: AgentSite;
  beforeAll(async () => {
    site = await AgentSite.open();
    await site.universe.publish("rise/small", "1.0.0", { files: { "payload/small": "small" } });
  });
  afterAll(() => site.close());

  test(`outlives it: ${clients} clients in a loop see no failure while it is replaced ${upgrades} times`, async () => {
    const path = join(site.folder, "inherited.sock");
    const listener = listenWithoutAccepting(path);
    await site.agent.end("SIGTERM");
    await site.start([], {}, listener);
    await site.client({ socket: path }).ensure(wanted);
    const state = { running: true, calls: 0 };
    const failures: unknown[] = [];
    const loops = Array.from({ length: clients }, async () => {
      // None is patient: what fails is seen.
      const client = site.client({ socket: path, patienceMs: 0 });
      while (state.running) {
        await client.resolve(wanted).catch((error: unknown) => failures.push(error));
        state.calls++;
      }
    });
    for (let upgrade = 0; upgrade < upgrades; upgrade++) {
      await moreCalls(state);
      expect(await site.agent.end("SIGTERM")).toMatchObject({ exitCode: 0 });
      expect(existsSync(path)).toBe(true);
      await site.start([], {}, listener);
    }
    await moreCalls(state);
    state.running = false;
    await Promise.all(loops);
    expect(failures).toEqual([]);
    closeSync(listener);
  });
});
async function moreCalls(state: { readonly calls: number }): Promise<void> {
  const enough = state.calls + callsBetween;
  while (state.calls < enough) await Bun.sleep(5);
}
