import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AgentSite, faultOf } from "./agent-site.ts";
import { refsOf } from "./packages-directory.ts";
import { largestLayer, noise } from "./payload.ts";

const contentBytes = 600_000;
const exactly = (name: string) => ({ package: { name, selector: { case: "range", value: "1.0.0" } } }) as const;

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open(["--namespace-quota", "1MB"]);
  for (const name of ["rise/first", "rise/second", "rise/third", "other/first"])
    await site.universe.publish(name, "1.0.0", { files: { "payload/noise": noise(contentBytes) } });
});
afterAll(() => site.close());

describe("the quota of a namespace", () => {
  test("is told by GetInfo", async () => {
    expect((await site.client().getInfo()).limits?.namespaceQuotaBytes).toBe(1_000_000n);
  });

  test("refuses what would be too much before anything of it is fetched, and other namespaces have their own", async () => {
    const agent = site.client();
    await agent.ensure(exactly("rise/first"));
    const { path } = await largestLayer(site.universe.registry.host, "rise/second", "1.0.0");
    const error = await faultOf(agent.ensure(exactly("rise/second")));
    expect(error).toMatchObject({ code: "agent/quota", kind: "resource_exhausted" });
    expect(error.message).toMatch(
      /^the packages of rise take 6\d\d.*kB, and may take 1\.0 MB: 6\d\d.*kB more is too much$/,
    );
    expect(site.requests("GET", path)).toEqual([]);
    await agent.ensure(exactly("other/first"));
    expect(refsOf(site.root)).toEqual(["other/first/1.0.0", "rise/first/1.0.0"]);
  });

  test("counts what is under way, and what was removed no more", async () => {
    const agent = site.client();
    await agent.remove("rise/first", "1.0.0");
    const ends = await Promise.allSettled(["rise/second", "rise/third"].map((name) => agent.ensure(exactly(name))));
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(refsOf(site.root).filter((ref) => ref.startsWith("rise/"))).toHaveLength(1);
    // What is here is here, whatever the quota says.
    expect((await agent.ensure(exactly(refsOf(site.root).at(-1)?.replace("/1.0.0", "") ?? ""))).present).toBe(true);
  });
});
