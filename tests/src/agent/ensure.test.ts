import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AgentSite, faultOf } from "./agent-site.ts";
import { noise } from "./payload.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  const files = { "payload/hello.txt": "hello\n" };
  await site.universe.publish("rise/tools", "1.0.0", { files });
  await site.universe.publish("rise/tools", "1.1.0", { files: { "payload/hello.txt": "hello again\n" } });
  await site.universe.publish("rise/tools", "2.0.0-rc.1", { files });
});
afterAll(() => site.close());

const byVersion = (name: string, version: string) =>
  ({
    package: { name, selector: { case: "range", value: version } },
  }) as const;

describe("ensuring a package", () => {
  test("puts it on the node, says how far it is, and answers its path once more without the registry", async () => {
    const agent = site.client();
    const phases = new Set<number>();
    const first = await agent.ensure(byVersion("rise/tools", "1.0.0"), {
      onProgress: ({ phase }) => void phases.add(phase),
    });
    expect(first).toMatchObject({ present: false, installed: { name: "rise/tools", version: "1.0.0", leases: 0 } });
    const { path = "", treeDigest = "" } = first.installed ?? {};
    expect(readFileSync(join(path, "payload/hello.txt"), "utf8")).toBe("hello\n");
    expect(path).toBe(join(site.root, "trees/sha256", treeDigest.slice(7), "root"));
    expect(realpathSync(join(site.root, "refs/rise/tools/1.0.0"))).toBe(realpathSync(path));
    expect([...phases].slice(0, 2)).toEqual([1, 2]);

    const before = site.network.exchanges.length;
    const again = await agent.ensure(byVersion("rise/tools", "1.0.0"));
    expect(again).toMatchObject({ present: true, installed: { path } });
    expect(site.network.exchanges).toHaveLength(before);
  });

  test("by a range takes the newest that the registry has, and no prerelease", async () => {
    const agent = site.client();
    const found = await agent.ensure(byVersion("rise/tools", "^1.0.0"));
    expect(found.installed?.version).toBe("1.1.0");
    expect((await agent.ensure({ package: { name: "rise/tools" } })).installed?.version).toBe("1.1.0");
  });

  test("by the digest of its manifest", async () => {
    const digest = await site.universe.publish("rise/pinned", "0.1.0");
    const wanted = { name: "rise/pinned", selector: { case: "manifestDigest", value: digest } } as const;
    const result = await site.client().ensure({ package: wanted });
    expect(result.installed).toMatchObject({ version: "0.1.0", manifestDigest: digest });
    const other = `sha256:${"0".repeat(64)}`;
    expect(
      await faultOf(site.client().ensure({ ...byVersion("rise/pinned", "0.1.0"), expectedManifestDigest: other })),
    ).toMatchObject({
      code: "agent/other-manifest",
      kind: "failed_precondition",
      context: { expected: other, actual: digest },
    });
  });

  test("for 64 clients at once is one download", async () => {
    await site.universe.publish("rise/popular", "1.0.0", { files: { "payload/noise": noise(3_000_000) } });
    const clients = Array.from({ length: 64 }, () => site.client());
    const results = await Promise.all(clients.map((client) => client.ensure(byVersion("rise/popular", "1.0.0"))));
    expect(new Set(results.map(({ installed }) => installed?.path)).size).toBe(1);
    const blobs = site.requests("GET", "/v2/rise/popular/blobs/");
    expect(blobs.length).toBeGreaterThan(1);
    expect(new Set(blobs).size).toBe(blobs.length);
    for (const client of clients) client.close();
  });

  test("goes on for the others when one leaves, and ends when nobody is left", async () => {
    await site.universe.publish("rise/slow", "1.0.0", { files: { "payload/noise": noise(4_000_000) } });
    const fault = { method: "GET", path: /\/v2\/rise\/slow\/blobs\//, times: 100, stallAfter: 2_500_000 };
    site.network.faults.push(fault);
    const leaving = new AbortController();
    const [first, second] = [new AbortController(), new AbortController()];
    const started = Promise.withResolvers<void>();
    const ensure = (controller: AbortController) =>
      site.client().ensure(byVersion("rise/slow", "1.0.0"), {
        signal: controller.signal,
        onProgress: ({ doneBytes }) => doneBytes > 1_000_000n && started.resolve(),
      });
    const [stays, leaves] = [ensure(first), ensure(leaving)];
    await started.promise;
    leaving.abort(new Error("gone"));
    expect(leaves).rejects.toThrow("gone");
    site.network.faults.splice(0);
    const running = async () => /^cpm_agent_ensures_running (\d+)$/m.exec(await metrics())?.[1];
    expect(await running()).toBe("1");
    first.abort(new Error("gone too"));
    expect(stays).rejects.toThrow("gone too");
    while ((await running()) !== "0") await Bun.sleep(20);

    const sizes: bigint[] = [];
    const result = await site.client().ensure(byVersion("rise/slow", "1.0.0"), {
      signal: second.signal,
      onProgress: ({ resumedBytes }) => void sizes.push(resumedBytes),
    });
    expect(result.present).toBe(false);
    expect(sizes.some((sizeBytes) => sizeBytes > 1_000_000n)).toBe(true);
  });

  test("of what is not there, or is no request, fails with a code", async () => {
    const agent = site.client();
    const codes = async (request: Parameters<typeof agent.ensure>[0]) => (await faultOf(agent.ensure(request))).code;
    expect(await codes(byVersion("rise/tools", "9.9.9"))).toBe("agent/no-version");
    expect(await codes(byVersion("rise/nothing", "^1.0.0"))).toBe("agent/no-version");
    expect(await codes(byVersion("rise/tools", "not a range!"))).toBe("agent/invalid");
    expect(await codes(byVersion("Rise", "1.0.0"))).toBe("agent/invalid");
    expect(await codes({})).toBe("agent/invalid");
    expect(await codes({ ...byVersion("rise/tools", "1.0.0"), requiredFeatures: ["time-travel"] })).toBe(
      "agent/feature-missing",
    );
    expect(await codes({ ...byVersion("rise/tools", "1.0.0"), requireSignature: true })).toBe("agent/unverifiable");
    const tree = { selector: { case: "treeDigest", value: `sha256:${"1".repeat(64)}` } } as const;
    expect(await codes({ package: tree })).toBe("agent/not-installed");
  });

  test("while the registry is away fails as unavailable, and the agent stays ready", async () => {
    const fault = { path: /\/v2\/rise\/away\//, times: 1000, cutResponseAfter: -1 };
    site.network.faults.push(fault);
    const error = await faultOf(site.client().ensure(byVersion("rise/away", "1.0.0")));
    site.network.faults.splice(0);
    expect(error).toMatchObject({ code: "registry/unreachable", kind: "unavailable" });
    expect(await site.client().checkHealth("registry")).toBe("not-serving");
    expect(await site.client().checkHealth()).toBe("serving");
    expect((await fetch(`http://${site.agent.watchPoint}/readyz`)).status).toBe(200);
    await site.client().ensure(byVersion("rise/tools", "^1.0.0"));
    expect(await site.client().checkHealth("registry")).toBe("serving");
  }, 120_000);
});

describe("what is on the node", () => {
  test("is resolved without the registry", async () => {
    const agent = site.client();
    const before = site.network.exchanges.length;
    const resolve = async (range?: string) =>
      (
        await agent.resolve({
          package: range === undefined ? { name: "rise/tools" } : byVersion("rise/tools", range).package,
        })
      ).outcome;
    expect(await resolve("~1.0.0")).toMatchObject({ case: "installed", value: { version: "1.0.0" } });
    expect(await resolve()).toMatchObject({ case: "installed", value: { version: "1.1.0" } });
    expect(await resolve("^3.0.0")).toMatchObject({
      case: "missing",
      value: { installedVersions: ["1.0.0", "1.1.0"] },
    });
    expect(site.network.exchanges).toHaveLength(before);
  });

  test("is listed in pages, and by namespace", async () => {
    const agent = site.client();
    await site.universe.publish("other/thing", "1.0.0");
    await agent.ensure(byVersion("other/thing", "1.0.0"));
    const names: string[] = [];
    for await (const { name, version } of agent.list()) names.push(`${name}@${version}`);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain("other/thing@1.0.0");
    const only: string[] = [];
    for await (const { name } of agent.list("other")) only.push(name);
    expect(only).toEqual(["other/thing"]);
  });

  test("is verified, and a damaged tree is healed", async () => {
    const agent = site.client();
    const { installed } = await agent.ensure(byVersion("rise/tools", "1.0.0"));
    expect(await agent.verify(byVersion("rise/tools", "1.0.0"))).toMatchObject({ intact: true, damagedCount: 0n });
    const file = join(installed?.path ?? "", "payload/hello.txt");
    Bun.spawnSync(["sh", "-c", `chmod u+w "${file}" && echo bad > "${file}"`]);
    expect(await agent.verify(byVersion("rise/tools", "1.0.0"))).toMatchObject({
      intact: false,
      damagedPaths: ["payload/hello.txt"],
      healed: false,
    });
    expect(await agent.verify({ ...byVersion("rise/tools", "1.0.0"), heal: true })).toMatchObject({ healed: true });
    expect(readFileSync(file, "utf8")).toBe("hello\n");
    expect(await agent.verify(byVersion("rise/tools", "1.0.0"))).toMatchObject({ intact: true });
    expect(await faultOf(agent.verify(byVersion("rise/tools", "8.0.0")))).toMatchObject({
      code: "agent/not-installed",
    });
  });

  test("is pinned, also where another program has put it there and said nothing of it", async () => {
    const agent = site.client();
    await agent.ensure(byVersion("rise/tools", "1.1.0"));
    rmSync(join(site.root, "records/rise/tools/1.1.0.json"));
    const wanted = byVersion("rise/tools", "1.1.0");
    const { outcome } = await agent.resolve(wanted);
    expect(outcome).toMatchObject({ case: "installed", value: { manifestDigest: "", pinned: false } });
    const { installed } = await agent.ensure({ ...wanted, pin: true });
    expect(installed).toMatchObject({ manifestDigest: expect.stringMatching(/^sha256:/), pinned: true });
    expect((await agent.ensure(wanted)).installed?.pinned).toBe(true);
  });

  test("is removed, once", async () => {
    const agent = site.client();
    const { installed } = await agent.ensure(byVersion("other/thing", "1.0.0"));
    expect(await agent.remove("other/thing", "1.0.0")).toMatchObject({ removed: true, treeRemoved: true });
    expect(existsSync(installed?.path ?? "")).toBe(false);
    expect(await agent.remove("other/thing", "1.0.0")).toMatchObject({ removed: false, treeRemoved: false });
  });
});

function metrics(): Promise<string> {
  return fetch(`http://${site.agent.watchPoint}/metrics`).then((response) => response.text());
}
