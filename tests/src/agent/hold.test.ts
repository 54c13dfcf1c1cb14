import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { canLockFiles } from "@cpm/system";
import { AgentSite, faultOf } from "./agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  await site.universe.publish("rise/held", "1.0.0", { files: { "payload/a.txt": "one\n" } });
  await site.universe.publish("rise/held", "1.2.0", { files: { "payload/a.txt": "two\n" } });
});
afterAll(() => site.close());

const calls = (method: string) => site.agent.log.filter((line) => line["method"] === method).length;

describe("holding a package", () => {
  test("puts it here the first time, and needs no call the second", async () => {
    const agent = site.client();
    const first = await agent.holdPackage("rise/held@1.0.0");
    expect(readFileSync(join(first.path, "payload/a.txt"), "utf8")).toBe("one\n");
    expect([first.version, first.by]).toEqual(["1.0.0", canLockFiles ? "lock" : "lease"]);
    const before = calls("Ensure");
    await using second = await agent.holdPackage("rise/held@1.0.0");
    expect([second.path, calls("Ensure")]).toEqual([first.path, before]);
    await first.release();
    await first.release();
  });

  test("keeps it from being removed until it is released", async () => {
    const agent = site.client();
    const held = await agent.holdPackage("rise/held@1.2.0");
    expect(await agent.remove("rise/held", "1.2.0")).toMatchObject({ removed: true, treeRemoved: false });
    expect(readFileSync(join(held.path, "payload/a.txt"), "utf8")).toBe("two\n");
    await held.release();
    await agent.ensure({ package: { name: "rise/held", selector: { case: "range", value: "1.2.0" } } });
    expect(await agent.remove("rise/held", "1.2.0")).toMatchObject({ removed: true, treeRemoved: true });
    expect(existsSync(held.path)).toBe(false);
  });

  test("by a range takes what the registry has now, and without an agent what is here", async () => {
    const agent = site.client();
    await using newest = await agent.holdPackage("rise/held@^1.0.0");
    expect(newest.version).toBe("1.2.0");
    await site.agent.end("SIGTERM");
    await using exact = await agent.holdPackage("rise/held@1.0.0");
    await using range = await agent.holdPackage("rise/held@~1.0.0");
    expect([exact.version, range.path]).toEqual(["1.0.0", exact.path]);
    expect(await faultOf(agent.holdPackage("rise/held@9.0.0"))).toMatchObject({ code: "agent-client/unreachable" });
    await site.start();
  });

  test("by a lease where the files cannot be seen", async () => {
    const agent = site.client({ root: join(site.folder, "elsewhere") });
    const held = await agent.holdPackage("rise/held@1.0.0");
    expect(held.by).toBe("lease");
    const wanted = { name: "rise/held", selector: { case: "range", value: "1.0.0" } } as const;
    const leases = async () => {
      const { outcome } = await agent.resolve({ package: wanted });
      return outcome.case === "installed" ? outcome.value.leases : undefined;
    };
    expect(await leases()).toBe(1);
    await held.release();
    expect(await leases()).toBe(0);
  });

  test("waits for an agent that is being restarted", async () => {
    await site.universe.publish("rise/later", "1.0.0");
    await site.agent.end("SIGKILL");
    const waiting = Array.from({ length: 8 }, () =>
      site.client({ patienceMs: 50_000 }).holdPackage("rise/later@1.0.0"),
    );
    const started = site.start();
    const held = await Promise.all(waiting);
    expect(new Set(held.map(({ path }) => path)).size).toBe(1);
    await started;
    for (const one of held) await one.release();
  });

  test.each([
    ["host.example/rise/held@1.0.0", "agent-client/invalid"],
    ["Nonsense", "reference/invalid"],
  ])("refuses %s before it asks anybody", async (text, code) =>
    expect((await faultOf(site.client().holdPackage(text))).code).toBe(code),
  );
});
