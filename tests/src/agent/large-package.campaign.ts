import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { AgentSite } from "./agent-site.ts";
import { noise } from "./payload.ts";

const memoryBytes = 256_000_000;
let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open(["--worker-memory", "256MB"]);
}, 60_000);
afterAll(async () => {
  await site.close();
}, 600_000);

test("a package of 10 GB comes through a whole agent, and who uses another package sees nothing of it", async () => {
  await site.universe.publish("rise/tools", "1.0.0", { files: { "payload/x": "x" } });
  await publishLarge();
  const core = site.client();
  await core.ensure({ package: reference("rise/tools") });
  const ended = new AbortController();
  const large = site
    .client()
    .ensure({ package: reference("rise/large") })
    .finally(() => ended.abort());
  let uses = 0;
  while (!ended.signal.aborted) {
    // oxlint-disable-next-line no-await-in-loop -- one use after the other, as a program makes them
    const held = await core.holdPackage("rise/tools@1.0.0");
    // oxlint-disable-next-line no-await-in-loop
    const { outcome } = await core.resolve({ package: reference("rise/tools") });
    expect(outcome).toMatchObject({ case: "installed", value: { path: held.path } });
    // oxlint-disable-next-line no-await-in-loop
    await held.release();
    uses++;
    // oxlint-disable-next-line no-await-in-loop
    await Bun.sleep(20);
  }
  await large;
  const metrics = await (await fetch(`http://${site.agent.watchPoint}/metrics`)).text();
  const peakBytes = Number(/^cpm_agent_worker_peak_bytes (\d+)/m.exec(metrics)?.[1]);
  const residentBytes = Number(/^process_resident_memory_bytes (\d+)/m.exec(metrics)?.[1]);
  process.stderr.write(`worker at most ${peakBytes} bytes, agent ${residentBytes} bytes, ${uses} uses meanwhile\n`);
  expect(peakBytes).toBeLessThan(memoryBytes);
  expect(uses).toBeGreaterThan(10);
}, 3_600_000);

function reference(name: string) {
  return { name, selector: { case: "range" as const, value: "1.0.0" } };
}

/** A fifth of it does not compress. */
async function publishLarge(): Promise<void> {
  const root = site.universe.sketch("rise/large", "1.0.0", { more: "payload:\n  - {include: [payload/**]}" });
  mkdirSync(join(root, "payload"));
  const file = openSync(join(root, "payload/noise"), "w");
  for (let at = 0; at < 2000; at++) writeSync(file, noise(1_000_000));
  closeSync(file);
  writeFileSync(join(root, "payload/zeros"), "");
  truncateSync(join(root, "payload/zeros"), 8_000_000_000);
  await site.universe.publishDirectory("rise/large", root);
}
