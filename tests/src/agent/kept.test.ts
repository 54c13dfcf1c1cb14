import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "@cpm/agent-client";
import { AgentSite, faultOf } from "./agent-site.ts";
import { KeptVersion, keptVersions } from "./kept-version.ts";
import { faultsOfDirectory } from "./packages-directory.ts";

describe.each(keptVersions)("of the kept version %s", (version) => {
  let site: AgentSite;
  let kept: KeptVersion;
  beforeAll(async () => {
    kept = new KeptVersion(version);
    site = await AgentSite.open();
    for (const name of ["first", "second"])
      // oxlint-disable-next-line no-await-in-loop -- one registry
      await site.universe.publish(`rise/${name}`, "1.0.0", { files: { "payload/hello.txt": `hello ${name}` } });
  });
  afterAll(async () => {
    await site.close();
    kept.close();
  });

  test("the client works with the agent of today", async () => {
    const { socket, root } = site;
    const client = await kept.openAgent({ socket, root, clientName: "kept", clientVersion: "0" });
    await expectEverything(client, "rise/first");
    client.close();
  });

  test("the agent works with the client of today", async () => {
    await site.agent.end("SIGTERM");
    await site.start([], {}, undefined, kept.agentProgram);
    await expectEverything(site.client(), "rise/second");
  });

  test("the agent leaves a directory to the one of today, and takes it back", async () => {
    const lease = { lease: { id: "across", purpose: "upgrade" } };
    await site.client().ensure({ ...exactly("rise/first"), ...lease });
    for (const program of [undefined, kept.agentProgram, undefined]) {
      // oxlint-disable no-await-in-loop -- one after another
      await site.agent.end("SIGTERM");
      const asked = site.network.exchanges.length;
      await site.start([], {}, undefined, program);
      const client = site.client();
      const here = await client.ensure(exactly("rise/first"));
      expect(here).toMatchObject({ present: true, installed: { version: "1.0.0", leases: 1 } });
      expect(site.network.exchanges).toHaveLength(asked);
      expect((await client.renew({ id: "across" })).lease?.treeDigests).toEqual([here.installed?.treeDigest ?? ""]);
      expect(faultsOfDirectory(site.root)).toEqual([]);
      // oxlint-enable no-await-in-loop
    }
  }, 60_000);
});

const exactly = (name: string) => ({ package: { name, selector: { case: "range", value: "1.0.0" } } }) as const;

/** Every call of the contract, with what a program relies on. */
async function expectEverything(agent: Agent, name: string): Promise<void> {
  const wanted = { package: { name } };
  expect(await agent.getInfo()).toMatchObject({ apiLevel: 1 });
  expect(await agent.checkHealth()).toBe("serving");
  expect((await agent.resolve(wanted)).outcome.case).not.toBe("installed");
  const events = agent.watch();
  // The first message says that it is being watched.
  await events.next();
  const { installed, lease, present } = await agent.ensure({ ...exactly(name), lease: { purpose: "kept" } });
  expect([present, installed?.version]).toEqual([false, "1.0.0"]);
  expect((await events.next()).value?.event).toMatchObject({ case: "installed", value: { name } });
  await events.return(undefined);
  expect((await agent.resolve(wanted)).outcome).toMatchObject({ case: "installed", value: { leases: 1 } });
  await using held = await agent.holdPackage(`${name}@1.0.0`);
  expect(readFileSync(join(held.path, "payload/hello.txt"), "utf8")).toStartWith("hello");
  expect((await agent.verify(wanted)).damagedPaths).toEqual([]);
  expect((await Array.fromAsync(agent.list())).map((each) => each.name)).toContain(name);
  const treeDigests = [installed?.treeDigest ?? ""];
  const { lease: own } = await agent.acquire({ lease: { purpose: "more" }, treeDigests });
  await agent.renew({ id: own?.id ?? "" });
  for (const id of [own?.id, lease?.id]) expect((await agent.release(id ?? "")).released).toBe(true);
  const missing = await faultOf(agent.ensure({ ...wanted, requiredFeatures: ["prophecy"] }));
  expect(missing.code).toBe("agent/feature-missing");
  expect((await faultOf(agent.ensure({ package: { name, selector: { case: "range", value: "9.9.9" } } }))).code).toBe(
    "agent/no-version",
  );
  await agent.collect({ dryRun: true });
  await agent.remove(name, "1.0.0");
  expect((await agent.resolve(wanted)).outcome.case).not.toBe("installed");
}
