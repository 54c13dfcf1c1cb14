import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isolationOfThisMachine } from "@cpm/agent";
import { confinedProcesses } from "@cpm/agent/testing";
import { AgentSite, faultOf } from "./agent-site.ts";

const { missing } = isolationOfThisMachine();
if (missing.length > 0) process.stderr.write(`the confined worker is not tried: ${missing.join(" ")}\n`);
if (missing.length > 0 && process.env["CI"] !== undefined) throw new Error("CI has to confine the worker");

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  const files = { "payload/noise": crypto.getRandomValues(new Uint8Array(60_000)) };
  await site.universe.publish("rise/tools", "1.0.0", { files });
  await site.universe.publish("rise/tools", "1.1.0", { files: { ...files, "payload/more.txt": "more" } });
});
afterAll(() => site.close());

const byVersion = (version: string) =>
  ({ package: { name: "rise/tools", selector: { case: "range", value: version } } }) as const;

describe.skipIf(missing.length > 0)("the worker of an agent", () => {
  test("is confined, and the agent tells how", async () => {
    const { isolation, limits } = await site.client().getInfo();
    const { landlockAbi } = isolationOfThisMachine();
    expect(isolation).toMatchObject({ landlockAbi, noNewPrivileges: true, networkDenied: true, memoryLimited: true });
    expect(isolation?.missing).toEqual([]);
    expect(limits?.workerMemoryBytes).toBe(256_000_000n);
  });

  test("is killed again and again, which fails that one request; the agent goes on, and continues what was fetched", async () => {
    const agent = site.client();
    const { pid } = site.agent;
    const killer = setInterval(() => confinedProcesses(pid).forEach(kill), 2);
    const fault = await faultOf(agent.ensure(byVersion("1.0.0")));
    expect(fault).toMatchObject({ code: "agent/worker-killed", kind: "unavailable" });
    expect((await agent.getInfo()).agentVersion).not.toBe("");
    clearInterval(killer);
    expect(readdirSync(join(site.root, "staging"))).toEqual([]);
    const fetched = site.requests("GET", "/blobs/").length;
    expect(await agent.ensure(byVersion("1.0.0"))).toMatchObject({ present: false, installed: { version: "1.0.0" } });
    const layers = readdirSync(join(site.root, "blobs/sha256"));
    const again = site.requests("GET", "/blobs/").slice(fetched);
    expect(layers).not.toEqual([]);
    expect(again.filter((path) => layers.some((layer) => path.endsWith(layer)))).toEqual([]);
  }, 60_000);

  test("dies with the agent", async () => {
    const ensuring = faultOf(site.client().ensure(byVersion("1.1.0")));
    const { pid } = site.agent;
    while (confinedProcesses(pid).length === 0) await sleep(1);
    const [worker = 0] = confinedProcesses(pid);
    await site.agent.end("SIGKILL");
    while (isRunning(worker)) await sleep(1);
    await site.start();
    await ensuring.catch(() => {});
    expect(readdirSync(join(site.root, "staging"))).toEqual([]);
    expect(await site.client().ensure(byVersion("1.1.0"))).toMatchObject({ installed: { version: "1.1.0" } });
  }, 60_000);
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
