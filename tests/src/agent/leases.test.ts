import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { AgentSite, faultOf } from "./agent-site.ts";

let site: AgentSite;
let tree: string;
beforeAll(async () => {
  site = await AgentSite.open();
  await site.universe.publish("rise/leased", "1.0.0", { files: { "payload/a": "a" } });
  const wanted = { name: "rise/leased", selector: { case: "range", value: "1.0.0" } } as const;
  tree = (await site.client().ensure({ package: wanted })).installed?.treeDigest ?? "";
});
afterAll(() => site.close());

const hour = durationFromMs(3_600_000);

/** Trees are spared for a while after they were made. */
function makeOld(): void {
  const folder = join(site.root, "trees/sha256", tree.slice(7));
  utimesSync(folder, 1, 1);
}

describe("a lease", () => {
  test("is added to, renewed and released under its id", async () => {
    const agent = site.client();
    const { lease } = await agent.acquire({
      lease: { id: "job-1", duration: hour, purpose: "a test" },
      treeDigests: [tree],
    });
    expect(lease).toMatchObject({ id: "job-1", purpose: "a test", treeDigests: [tree], ownerUid: process.getuid?.() });
    const again = await agent.acquire({ lease: { id: "job-1", duration: hour }, treeDigests: [tree] });
    expect(again.lease).toMatchObject({ purpose: "a test", treeDigests: [tree] });
    const renewed = await agent.renew({ id: "job-1", duration: durationFromMs(7_200_000) });
    expect(Number(renewed.lease?.expiresAt?.seconds)).toBeGreaterThan(Number(again.lease?.expiresAt?.seconds) + 1800);
    expect(await agent.release("job-1")).toMatchObject({ released: true });
    expect(await agent.release("job-1")).toMatchObject({ released: false });
    expect(await faultOf(agent.renew({ id: "job-1" }))).toMatchObject({ code: "agent/no-lease", kind: "not_found" });
  });

  test("keeps a tree from collection, also across a crash of the agent, until its end", async () => {
    const agent = site.client({ patienceMs: 30_000 });
    await agent.acquire({ lease: { id: "keeps", duration: hour }, treeDigests: [tree] });
    await agent.remove("rise/leased", "1.0.0");
    makeOld();
    expect(await agent.collect()).toMatchObject({ removedTrees: 0, keptLeased: 1 });
    await site.agent.end("SIGKILL");
    writeFileSync(join(site.root, "leases/broken.json"), "{");
    writeFileSync(join(site.root, "leases/x.json.1.tmp"), "{}");
    await site.start();
    expect(readdirSync(join(site.root, "leases"))).toEqual(["keeps.json"]);
    makeOld();
    expect(await agent.collect({ dryRun: true })).toMatchObject({ removedTrees: 0, keptLeased: 1 });
    await agent.release("keeps");
    expect(await agent.collect({ dryRun: true })).toMatchObject({ removedTrees: 1, keptLeased: 0 });
    expect(await agent.collect()).toMatchObject({ removedTrees: 1 });
    expect(readdirSync(join(site.root, "trees/sha256"))).toEqual([]);
    expect(await faultOf(agent.acquire({ lease: { id: "late" }, treeDigests: [tree] }))).toMatchObject({
      code: "agent/not-installed",
    });
  });

  test("that is none is refused", async () => {
    const agent = site.client();
    const codes = async (id: string, durationMs: number, trees: string[], purpose = "") =>
      (
        await faultOf(
          agent.acquire({ lease: { id, duration: durationFromMs(durationMs), purpose }, treeDigests: trees }),
        )
      ).code;
    expect(await codes("../evil", 1000, [tree])).toBe("agent/invalid");
    expect(await codes("x", 8 * 24 * 3_600_000, [tree])).toBe("agent/invalid");
    expect(await codes("x", -1, [tree])).toBe("agent/invalid");
    expect(await codes("x", 1000, [])).toBe("agent/invalid");
    expect(await codes("x", 1000, ["sha256:0"])).toBe("agent/invalid");
    expect(await codes("x", 1000, [tree], "p".repeat(300))).toBe("agent/invalid");
  });
});
