import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import type { Process } from "@cpm/colonies";
import { ReleaseBook } from "@cpm/operations";
import { describeOnColonies, startEmbedded } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { demoExecutor } from "../operations/demo-package.ts";
import { systemClock } from "../operations/lab.ts";
import { Fleet } from "./fleet.ts";
import { entriesOf } from "./packages-directory.ts";

/** A function that is told an input. */
const greet = `kind: Function
name: greet
spec:
  funcname: run
  kwargs: {who: "\${inputs.who}", path: "\${package.path}"}
  conditions: {executortype: ${demoExecutor}}
  maxexectime: 60
`;
const inputs = `inputs:
  - {key: who, label: Who, type: string, default: world, description: Whom to greet.}
`;

async function phases(fleet: Fleet): Promise<readonly string[]> {
  const { revisions } = await new ReleaseBook(fleet.installation.lab.colony.client, systemClock).read();
  return revisions.map(({ record, status }) => `${record.release} ${status.phase}`);
}

async function publish(fleet: Fleet): Promise<void> {
  await fleet.installation.universe.publish("rise/greeter", "1.0.0", {
    more: inputs,
    files: { "payload/run.sh": "#!/bin/sh\n", "templates/greet.yaml": greet },
  });
}

const state = (fleet: Fleet, { id }: Process) =>
  fleet.installation.lab.colony.client.processes.get(id).then((seen) => seen.state);

/** The registry falls silent for the second node. */
const stall = (fleet: Fleet) =>
  fleet.node("node-2").network.faults.push({ path: /\/blobs\//, stallAfter: 0, times: 1000 });
const calm = (fleet: Fleet) => void (fleet.node("node-2").network.faults.length = 0);

describeOnColonies("installing by the colony alone", (start) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open(start, "node-1", "node-2");
    await publish(fleet);
  }, 300_000);
  afterAll(() => fleet?.close());

  test("does what the command line does, and so does uninstalling", async () => {
    const { client } = fleet.installation.lab.colony;
    const install = { package: "rise/greeter@^1.0.0", name: "hello", inputs: { who: "Bob" }, "set.who": "Ada" };
    const { plan } = await fleet.call("node-1", "cpm.install", { ...install, dryRun: "true" });
    expect(plan).toMatchObject({ release: "hello", placement: { mode: "all" } });
    expect(await phases(fleet)).toEqual([]);

    const done = await fleet.ended(await fleet.submit("node-1", "cpm.install", install));
    expect([done.errors, done.state]).toEqual([[], "success"]);
    expect(done.output).toMatchObject([
      { release: "hello", revision: 1, package: "rise/greeter@1.0.0", created: [{ kind: "Function", name: "greet" }] },
    ]);
    const [work] = await client.processes.list({ state: "waiting", label: "cpm:hello" });
    expect(work?.spec["kwargs"]).toMatchObject({ who: "Ada", path: expect.stringMatching(/\/trees\/sha256\//) });
    for (const name of ["node-1", "node-2"])
      expect(await fleet.holders(name)).toEqual(["rise/greeter@1.0.0 for hello"]);
    const log = (await client.logs.ofProcess(done.id)).map(({ message }) => message).join("");
    expect(log).toContain("node-2: rise/greeter@1.0.0: success\n");
    const listed = await fleet.cpm("list", "--json");
    expect(JSON.parse(listed.stdout)).toMatchObject([{ release: "hello", phase: "deployed" }]);

    expect(await fleet.call("node-2", "cpm.uninstall", { release: "hello" })).toMatchObject({
      release: "hello",
      notes: [],
    });
    expect(await phases(fleet)).toEqual(["hello uninstalled"]);
    expect(await fleet.holders("node-1")).toEqual([]);
    for (const { packages } of fleet.nodes) expect(entriesOf(packages, "staging")).toEqual([]);
  }, 180_000);

  test("one that is cancelled installs nothing and holds nothing", async () => {
    const before = await phases(fleet);
    await fleet.publish("rise/never");
    stall(fleet);
    const install = await fleet.submit("node-1", "cpm.install", { package: "rise/never", name: "never" });
    await until(
      () => fleet.holders("node-1"),
      (holders) => holders.length > 0,
    );
    await fleet.installation.lab.colony.client.processes.cancel(install.id);
    await until(
      () => fleet.holders("node-1"),
      (holders) => holders.length === 0,
    );
    calm(fleet);
    expect(await phases(fleet)).toEqual(before);
    await until(
      () => entriesOf(fleet.node("node-1").packages, "staging"),
      (names) => names.length === 0,
    );
  }, 180_000);
});

describe("an install by the colony", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.open(startEmbedded, "node-1", "node-2");
    await publish(fleet);
  }, 300_000);
  afterAll(() => fleet?.close());
  test("what cannot be done fails with the code and the advice of the command line", async () => {
    const failures: readonly [string, Record<string, unknown>, string][] = [
      ["cpm.install", { package: "rise/none" }, "[package/not-found]"],
      ["cpm.install", { package: "rise/greeter", inputs: { whom: "Ada" } }, "[input/invalid]"],
      ["cpm.install", { package: "elsewhere.example/rise/greeter" }, "[agent/other-registry]"],
      ["cpm.install", { package: "rise/greeter", selector: "name=none" }, "[placement/no-agent]"],
      ["cpm.install", { package: "/etc" }, "[reference/invalid]"],
      ["cpm.install", { package: "./greeter" }, "[reference/invalid]"],
      ["cpm.install", { package: "rise/greeter", inputs: [] }, "[agent/invalid]"],
      ["cpm.install", { package: "rise/greeter", force: true }, "[agent/invalid]"],
      ["cpm.uninstall", { release: "none" }, "[release/not-found]"],
    ];
    for (const [name, kwargs, code] of failures) {
      const ended = await fleet.ended(await fleet.submit("node-1", name, kwargs as never));
      expect([JSON.stringify(kwargs), ended.state, ended.errors.join(" ")]).toEqual([
        JSON.stringify(kwargs),
        "failed",
        expect.stringContaining(code),
      ]);
    }
  }, 180_000);

  test("tells a secret to the work that needs it and to nobody else", async () => {
    const token = "correct-horse-battery-staple";
    await fleet.installation.universe.publish("rise/keeper", "1.0.0", {
      more: "inputs: [{key: token, type: secret}]\n",
      files: {
        "templates/keep.yaml": `kind: Function\nname: keep\nspec:\n  funcname: run\n  env: {TOKEN: "\${inputs.token}"}\n  conditions: {executortype: ${demoExecutor}}\n  maxexectime: 60\n`,
      },
    });
    const install = { package: "rise/keeper", name: "kept" };
    const calls: readonly [JsonObject, Process["state"]][] = [
      [{ inputs: { token }, dryRun: true }, "success"],
      [{ inputs: { token }, "set.who": token }, "failed"],
      [{ inputs: { token: [token] } }, "failed"],
      [{ "set.token": token }, "success"],
    ];
    const { client } = fleet.installation.lab.colony;
    for (const [given, state] of calls) {
      const ended = await fleet.ended(await fleet.submit("node-1", "cpm.install", { ...install, ...given }));
      expect([Object.keys(given), ended.state]).toEqual([Object.keys(given), state]);
      const log = await client.logs.ofProcess(ended.id);
      expect(stringifyJson([ended.output, ended.errors, log] as never)).not.toContain(token);
    }
    const { revisions } = await new ReleaseBook(client, systemClock).read();
    expect(stringifyJson([revisions, fleet.nodes.map((node) => node.log)] as never)).not.toContain(token);
    const [work] = await client.processes.list({ state: "waiting", label: "cpm:kept" });
    expect(work?.spec["env"]).toMatchObject({ TOKEN: token });
    expect(await fleet.call("node-1", "cpm.uninstall", { release: "kept", purge: true })).toMatchObject({ notes: [] });
  }, 180_000);

  test("that an agent is at is undone before the agent has stopped", async () => {
    const node = await fleet.add("node-3", { args: ["--grace", "30s"] });
    stall(fleet);
    const install = await fleet.submit("node-3", "cpm.install", { package: "rise/greeter", name: "stopped" });
    await until(
      () => fleet.holders("node-1"),
      (holders) => holders.length > 0,
    );
    expect(await node.stop("SIGTERM")).toMatchObject({ exitCode: 0 });
    // Other nodes hold nothing for it any more. What its own node holds goes with the next try.
    expect([entriesOf(node.packages, "staging"), await fleet.holders("node-1")]).toEqual([[], []]);
    calm(fleet);
    const ended = await fleet.ended(install);
    expect([ended.state, ended.errors.join()]).toEqual(["failed", expect.stringContaining("the executor stops")]);
    await fleet.remove("node-3");
  }, 180_000);

  test("may have a plan of any size", async () => {
    const large = `spec:\n  funcname: run\n  args: ["${"x".repeat(50_000)}"]\n  conditions: {executortype: ${demoExecutor}}\n  maxexectime: 60\n`;
    const templates = [1, 2, 3, 4].map((at) => [`templates/${at}.yaml`, `kind: Function\nname: f${at}\n${large}`]);
    await fleet.installation.universe.publish("rise/large", "1.0.0", { files: Object.fromEntries(templates) });
    const { plan } = await fleet.call("node-1", "cpm.install", { package: "rise/large", dryRun: true });
    expect(JSON.stringify(plan).length).toBeGreaterThan(200_000);
  }, 180_000);

  test("many of them keep no node from what else it is asked, and too many are refused", async () => {
    const before = await phases(fleet);
    stall(fleet);
    const installs = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        fleet.submit("node-1", "cpm.install", { package: "rise/greeter", name: `many-${at}` }),
      ),
    );
    const refused = async (): Promise<readonly Process[]> => {
      const seen = await Promise.all(installs.map(({ id }) => fleet.installation.lab.colony.client.processes.get(id)));
      return seen.filter((each) => each.state === "failed");
    };
    const [first, second, ...others] = await until(refused, (failed) => failed.length === 2);
    expect(others).toEqual([]);
    for (const each of [first, second]) expect(each?.errors.join(" ")).toContain("[agent/busy]");
    // Both kinds of work go through the same agent.
    expect(await fleet.call("node-1", "cpm.ensure", { package: "rise/greeter" })).toMatchObject({
      present: expect.any(Boolean),
    });
    for (const install of installs)
      if ((await state(fleet, install)) !== "failed")
        await fleet.installation.lab.colony.client.processes.cancel(install.id);
    calm(fleet);
    await until(
      () => fleet.holders("node-1"),
      (holders) => holders.length === 0,
    );
    expect(await phases(fleet)).toEqual(before);
  }, 180_000);

  test("is none of a node's functions whose administrator does not want it", async () => {
    await fleet.add("node-4", { args: ["--installs", "no"] });
    const ended = await fleet.ended(await fleet.submit("node-4", "cpm.install", { package: "rise/greeter" }));
    expect([ended.state, ended.errors.join()]).toEqual(["failed", expect.stringContaining("no function")]);
    await fleet.remove("node-4");
  }, 180_000);
});
