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
      while (state.running && failures.length === 0) {
        await client.resolve(wanted).catch((error: unknown) => failures.push(error));
        state.calls++;
      }
    });
    try {
      for (let upgrade = 0; upgrade < upgrades; upgrade++) {
        await moreCalls(state, failures);
        expect(await site.agent.end("SIGTERM")).toMatchObject({ exitCode: 0 });
        expect(existsSync(path)).toBe(true);
        await site.start([], {}, listener);
      }
      await moreCalls(state, failures);
    } finally {
      // Loops that nobody ends fail faster and faster, and keep every failure.
      state.running = false;
      await Promise.all(loops);
    }
    expect(failures).toEqual([]);
    closeSync(listener);
  }, 60_000);
});
/** Or the first failure, after which nobody calls. */
async function moreCalls(state: { readonly calls: number }, failures: readonly unknown[]): Promise<void> {
  const enough = state.calls + callsBetween;
  while (state.calls < enough && failures.length === 0) await Bun.sleep(5);
}
