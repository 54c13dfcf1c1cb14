import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processStates } from "@cpm/colonies";
import { executeInstall, parseNodeSelector, ReleaseBook, uninstallRelease } from "@cpm/operations";
import { describeOnColonies, startEmbedded } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { endOf, errorOf, systemClock } from "../operations/lab.ts";
import { Universe } from "../resolution/universe.ts";
import { refsOf } from "./packages-directory.ts";
import { Fleet } from "./fleet.ts";

const tools = "rise/tools@1.0.0";
const forbidden = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/** The path that the work of a release was told. */
async function toldPath(fleet: Fleet, release: string): Promise<string> {
  const { client } = fleet.installation.lab.colony;
  const [work] = await client.processes.list({ state: "waiting", label: `cpm:${release}` });
  if (work === undefined) throw new Error(`${release} has no work`);
  return (work.spec["kwargs"] as { readonly path: string }).path;
}

/** Releases of the colony, and work of agents that has not ended. */
async function standing(fleet: Fleet): Promise<readonly string[]> {
  const { client } = fleet.installation.lab.colony;
  const { revisions } = await new ReleaseBook(client, systemClock).read();
  const states = processStates.filter((state) => state === "waiting" || state === "running");
  const lists = await Promise.all(states.map((state) => client.processes.list({ state, executorType: "cpm-agent" })));
  return [
    ...revisions.map(({ record, status }) => `${record.release} ${status.phase}`),
    ...lists.flat().map(({ functionName, state }) => `${functionName} ${state}`),
  ];
}

describeOnColonies("a release on the nodes of a colony", (start) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open(start, "node-1", "node-2");
    await fleet.publish("rise/tools");
  }, 300_000);
  afterAll(() => fleet?.close());

  test("is planned, placed on all, held while it is installed, and let go", async () => {
    const shown = await fleet.cpm("install", "rise/tools", "--dry-run", "--json");
    const fetching = { platform: expect.any(String), present: [], fetch: [tools] };
    expect(JSON.parse(shown.stdout).placement).toMatchObject({
      mode: "all",
      root: "/proc/self/cwd/packages",
      nodes: [
        { name: "node-1", ...fetching },
        { name: "node-2", ...fetching },
      ],
    });
    expect(fleet.nodes.flatMap(({ packages }) => refsOf(packages))).toEqual([]);

    const here = fleet.installation.lab.fresh("here");
    const environment = { ...fleet.environment(), CPM_PACKAGES: here };
    const installed = await fleet.installation.lab.cpm(["install", "rise/tools", "--name", "books"], environment);
    expect([installed.stderr, installed.status]).toEqual([expect.stringContaining(`node-2: ${tools}`), 0]);
    const path = await toldPath(fleet, "books");
    expect(fleet.nodes.map((node) => existsSync(join(node.seen(path), "payload/run.sh")))).toEqual([true, true]);
    expect(existsSync(here)).toBe(false);
    const told = await fleet.told("node-2", ({ packages }) => packages.length > 0);
    expect(told.packages).toEqual([tools]);

    expect(await fleet.holders("node-1")).toEqual([`${tools} for books`]);
    const uninstalled = await fleet.cpm("uninstall", "books", "--json");
    expect([JSON.parse(uninstalled.stdout).notes, uninstalled.status]).toEqual([[], 0]);
    expect(await fleet.holders("node-2")).toEqual([]);
  }, 180_000);
});

describe("placing through agents", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open(startEmbedded, "node-1", "node-2", "node-3");
    for (const name of ["rise/tools", "rise/other", "rise/more", "rise/slow"]) await fleet.publish(name);
  }, 300_000);
  afterAll(() => fleet?.close());

  test("a node that fails is named with its reason, and nothing is installed or held", async () => {
    fleet.node("node-2").network.faults.push({ answer: forbidden, times: 100 });
    const failed = await fleet.cpm("install", "rise/tools", "--json");
    fleet.node("node-2").network.faults.length = 0;
    expect([failed.stdout, failed.status]).toEqual(["", 1]);
    const { error } = JSON.parse(failed.stderr);
    expect(error.code).toBe("placement/failed");
    expect(error.message).toMatch(/^1 of 3 nodes could not be supplied: node-2, rise\/tools@1\.0\.0: .*\[registry\//);
    expect(error.context.nodes).toMatchObject([
      { node: "node-2", package: tools, reason: "failed", code: expect.stringMatching(/^registry\//) },
    ]);
    expect(await standing(fleet)).toEqual([]);
    expect(await fleet.holders("node-1")).toEqual([]);
  }, 180_000);

  test("of any, the first that can has it, and those that could not are told", async () => {
    const { installation } = fleet;
    const [first, second] = [fleet.node("node-1"), fleet.node("node-2")];
    for (const { network } of [first, second]) network.faults.push({ answer: forbidden, times: 100 });
    const context = installation.context();
    const prepared = await installation.prepare("rise/other", { placement: { mode: "any" }, context });
    const order = prepared.plan.placement.nodes.map(({ name }) => name);
    const { notes } = await executeInstall(prepared, context, () => {});
    for (const { network } of [first, second]) network.faults.length = 0;
    const having = fleet.nodes.filter(({ packages }) => refsOf(packages).includes("rise/other/1.0.0"));
    expect(having.map(({ name }) => name)).toEqual(["node-3"]);
    const tried = order.slice(0, order.indexOf("node-3"));
    expect(notes).toEqual(tried.map((name) => expect.stringMatching(new RegExp(`^${name} could not be .*registry/`))));
    expect(await fleet.holders("node-3")).toEqual(["rise/other@1.0.0 for other"]);
    await installation.lab.uninstall("other");
    expect(await fleet.holders("node-3")).toEqual([]);
  }, 180_000);

  test("a selector chooses nodes, none places nothing, and a package from here goes to this machine", async () => {
    const { installation } = fleet;
    const chosen = await fleet.cpm("install", "rise/more", "--name", "chosen", "--selector", "name=node-x*", "--json");
    expect(JSON.parse(chosen.stderr).error.code).toBe("placement/no-agent");
    await installation.install("rise/more", {
      release: "chosen",
      placement: { mode: "selector", selector: parseNodeSelector("name=*-3") },
    });
    const having = () => fleet.nodes.filter(({ packages }) => refsOf(packages).includes("rise/more/1.0.0"));
    expect(having().map(({ name }) => name)).toEqual(["node-3"]);
    await installation.install("rise/more", { release: "nowhere", placement: { mode: "none" } });
    expect(having()).toHaveLength(1);
    expect(await toldPath(fleet, "nowhere")).toBe(await toldPath(fleet, "chosen"));
    const local = installation.universe.sketch("rise/local", "1.0.0", { files: { "payload/a": "a" } });
    const context = installation.context();
    const { plan } = await installation.prepare(local, { context });
    expect(plan.placement).toMatchObject({ mode: "here", root: context.node.root, why: expect.any(String) });
    expect(await errorOf(installation.prepare(local, { placement: { mode: "all" } }))).toMatchObject({
      code: "placement/not-published",
    });
  }, 180_000);

  test("a plan that was saved is carried out on its nodes, or not at all", async () => {
    const { lab } = fleet.installation;
    const file = lab.fresh("plan.json");
    const install = ["install", "rise/more", "--name", "planned", "--selector", "name=node-1"];
    expect((await fleet.cpm(...install, "--plan", file)).status).toBe(0);
    const saved = readFileSync(file, "utf8");
    expect(JSON.parse(saved).plan.placement).toMatchObject({ mode: "selector", selector: "name=node-1" });
    writeFileSync(file, saved.replace('"root": "/proc/self/cwd/packages"', '"root": "/var/lib/colony/packages"'));
    const stale = await fleet.cpm("apply", file, "--json");
    expect([JSON.parse(stale.stderr).error.code, stale.status]).toEqual(["plan/stale", 6]);
    writeFileSync(file, saved);
    const applied = await fleet.cpm("apply", file, "--json");
    expect([JSON.parse(applied.stdout).nodes, applied.status]).toEqual([["node-1"], 0]);
    expect(await fleet.holders("node-1")).toEqual(["rise/more@1.0.0 for planned"]);
    await lab.uninstall("planned");
    expect(await fleet.holders("node-1")).toEqual([]);
  }, 180_000);

  test("of two clients that install one release, the one that loses lets nothing go", async () => {
    const { installation } = fleet;
    const contexts = [installation.context(), installation.context()];
    const prepared = await Promise.all(
      contexts.map((context) => installation.prepare("rise/tools", { release: "raced", context })),
    );
    const ends = await Promise.allSettled(
      prepared.map((entry, index) => executeInstall(entry, contexts[index] ?? installation.context(), () => {})),
    );
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(ends.find((end) => end.status === "rejected")?.reason).toMatchObject({ code: "release/busy" });
    for (const { name } of fleet.nodes) expect(await fleet.holders(name)).toContain(`${tools} for raced`);
    // The colony does not keep processes for ever.
    const { client } = installation.lab.colony;
    for (const { id } of await client.processes.list({ state: "success", label: "cpm:raced" }))
      await client.processes.remove(id);
    await installation.lab.uninstall("raced");
    for (const { name } of fleet.nodes) expect(await fleet.holders(name)).not.toContain(`${tools} for raced`);
  }, 180_000);

  test("what a client placed that died before it wrote a revision is let go with the release", async () => {
    const { lab } = fleet.installation;
    const install = ["install", "rise/more", "--name", "died", "--selector"];
    const dying = { CPM_TEST: "1", CPM_FAILPOINT: "install/placed", ...fleet.environment() };
    expect((await lab.cpm([...install, "name=node-1"], dying)).signal).toBe("SIGKILL");
    expect(await fleet.holders("node-1")).toEqual(["rise/more@1.0.0 for died"]);
    expect((await fleet.cpm(...install, "name=node-2")).status).toBe(0);
    expect((await lab.uninstall("died")).notes).toEqual([]);
    for (const name of ["node-1", "node-2"]) expect(await fleet.holders(name)).toEqual([]);
  }, 180_000);

  test("a node that has other files under the version is not believed", async () => {
    const other = await Universe.open();
    try {
      await other.publish("rise/tools", "1.0.0", { files: { "payload/run.sh": "#!/bin/sh\n# another\n" } });
      await fleet.add("odd-1", { registry: other.registry.host });
      const selector = parseNodeSelector("name=odd-*");
      const install = fleet.installation.install("rise/tools", {
        release: "odd",
        placement: { mode: "selector", selector },
      });
      expect((await errorOf(install)).message).toMatch(/^1 of 1 nodes .* odd-1, .*: its registry has other files/);
      expect(await fleet.holders("odd-1")).toEqual([]);
    } finally {
      await fleet.remove("odd-1");
      await other.close();
    }
  }, 180_000);

  test("an interrupt ends what nodes do, and installs nothing", async () => {
    const { lab } = fleet.installation;
    fleet.node("node-2").network.faults.push({ path: /blobs/, stallAfter: 0, times: 100 });
    const child = lab.spawn(
      ["install", "rise/slow", "--name", "slow"],
      lab.environment(lab.fresh("packages"), fleet.environment()),
    );
    const running = () => lab.colony.client.processes.list({ state: "running", label: "cpm:slow" });
    await until(running, (found) => found.length === 1 && found[0]?.functionName === "cpm.ensure");
    await until(
      () => fleet.nodes.filter(({ packages }) => refsOf(packages).includes("rise/slow/1.0.0")),
      (having) => having.length === 2,
    );
    child.kill("SIGINT");
    const { status, stderr } = await endOf(child);
    fleet.node("node-2").network.faults.length = 0;
    expect([status, stderr]).toEqual([130, expect.stringContaining("[release/interrupted]")]);
    expect((await standing(fleet)).filter((entry) => /slow|cpm\./.test(entry))).toEqual([]);
    expect(await fleet.holders("node-1")).toEqual([]);
  }, 180_000);
});

describe("nodes that are checked", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open(startEmbedded, "node-1", "node-2");
    for (const name of ["rise/tools", "rise/other"]) await fleet.publish(name);
    await fleet.installation.install("rise/tools");
    await fleet.installation.install("rise/other", {
      placement: { mode: "selector", selector: parseNodeSelector("name=node-1") },
    });
    for (const { name } of fleet.nodes) await fleet.told(name, ({ packages }) => packages.includes(tools));
  }, 300_000);
  afterAll(() => fleet?.close());

  const verify = async (...args: readonly string[]) => {
    const { stdout, stderr, status } = await fleet.cpm("verify", "--fleet", ...args, "--json");
    const rows = JSON.parse(stdout) as readonly { node: string; package: string; state: string }[];
    return {
      rows: rows.map((row) => `${row.node} ${row.package} ${row.state}`),
      first: rows[0],
      code: stderr === "" ? "" : JSON.parse(stderr).error.code,
      status,
    };
  };

  test("are listed with their packages and space, by what they told", async () => {
    const { stdout } = await fleet.cpm("agent", "list", "--json");
    expect(JSON.parse(stdout)).toMatchObject([
      { name: "node-1", state: "approved", packages: ["rise/other@1.0.0", tools], root: "/proc/self/cwd/packages" },
      { name: "node-2", packages: [tools], freeBytes: expect.any(Number), version: expect.stringMatching(/^\d/) },
    ]);
    expect((await fleet.cpm("agent", "list")).stdout).toMatch(/NAME +STATE +HEARD.*\nnode-1 +approved .* 2 +[\d.]+ .B/);
  }, 120_000);

  test("are intact, have damaged files, or have lost what a release needs", async () => {
    const whole = ["node-1 rise/other@1.0.0 intact", `node-1 ${tools} intact`, `node-2 ${tools} intact`];
    expect(await verify()).toMatchObject({ rows: whole, code: "", status: 0 });
    const absent = ["node-1 rise/other@1.0.0 intact", "node-2 rise/other@^1.0.0 absent"];
    expect(await verify("rise/other@^1.0.0")).toMatchObject({ rows: absent, code: "", status: 0 });

    const damaged = join(fleet.node("node-2").seen(await toldPath(fleet, "tools")), "payload/run.sh");
    chmodSync(damaged, 0o644);
    writeFileSync(damaged, "#!/bin/sh\n# other\n");
    const found = await verify("rise/tools");
    expect(found).toMatchObject({
      rows: [`node-1 ${tools} intact`, `node-2 ${tools} damaged`],
      code: "placement/damaged",
      status: 7,
    });
    expect((await fleet.cpm("verify", "--fleet", "rise/tools")).stdout).toMatch(
      /node-2 +rise\/tools@1\.0\.0 +damaged: 1 file, such as payload\/run\.sh/,
    );

    const packages = join(fleet.node("node-2").packages);
    unlinkSync(join(packages, "refs/rise/tools/1.0.0"));
    expect(await verify()).toMatchObject({
      rows: [...whole.slice(0, 2), `node-2 ${tools} missing`],
      code: "placement/damaged",
      status: 7,
    });
  }, 180_000);

  test("are named where they are away, and keep nobody from uninstalling", async () => {
    await fleet.node("node-2").stop();
    const asked = await verify("--timeout", "1s");
    expect(asked).toMatchObject({ code: "placement/unanswered", status: 1 });
    expect(asked.rows).toContain("node-2  unanswered");

    const failed = await fleet.cpm("install", "rise/tools", "--name", "more", "--placement-timeout", "3s", "--json");
    expect(failed.status).toBe(1);
    const { error } = JSON.parse(failed.stderr);
    expect(error.context.nodes).toMatchObject([{ node: "node-2", package: tools, reason: "silent" }]);
    expect(error.message).toMatch(/node-2, .*: it did not take the call within 3s; it was last heard of at \d{4}-/);
    expect((await standing(fleet)).filter((entry) => /more|cpm\./.test(entry))).toEqual([]);
    expect(await fleet.holders("node-1")).toEqual(["rise/other@1.0.0 for other", `${tools} for tools`]);

    const { lab } = fleet.installation;
    const request = { release: "tools", purge: false, silenceMs: 1, nodeTimeoutMs: 3000 };
    const { notes } = await uninstallRelease(request, lab.context(), () => {});
    expect(notes).toEqual([expect.stringMatching(/^node-2 still keeps the packages of "tools": it did not take/)]);
    expect(await fleet.holders("node-1")).toEqual(["rise/other@1.0.0 for other"]);
    await fleet.node("node-2").start();
    expect((await lab.uninstall("tools")).notes).toEqual([]);
  }, 180_000);

  test("that keep packages elsewhere cannot be in one placement", async () => {
    const odd = fleet.installation.lab.fresh("odd");
    await fleet.add("node-9", { root: odd });
    const fault = await errorOf(fleet.installation.prepare("rise/tools", { release: "apart" }));
    expect(fault.code).toBe("placement/several-roots");
    expect(fault.message).toContain(`${odd} on node-9`);
  }, 120_000);
});
