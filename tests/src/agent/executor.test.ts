import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer } from "node:net";
import { once } from "node:events";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitForProcess } from "@cpm/colonies";
import type { JsonObject } from "@cpm/base";
import { signPackage } from "@cpm/operations/signatures";
import { generateSigningKeyPem, openSigner } from "@cpm/store";
import { formatPublicKeyPem } from "@cpm/trust";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import type { TestColony } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { runAgentCommand } from "./agent-process.ts";
import { AgentSite } from "./agent-site.ts";
import { noise } from "./payload.ts";

describeOnColonies("the agent as an executor", (start) => {
  let colony: TestColony;
  let site: AgentSite;
  const ada = openSigner(generateSigningKeyPem());
  let flags: readonly string[] = [];
  beforeAll(async () => {
    colony = await start();
    site = await AgentSite.open();
    await site.universe.publish("rise/tools", "1.0.0", { files: { "payload/hello.txt": "hello\n" } });
    await site.agent.end("SIGTERM");
    const key = join(site.folder, "executor.key");
    const policy = join(site.folder, "trust.json");
    const keys = [{ signer: "ada", publicKey: formatPublicKeyPem(ada.publicKey), packages: ["*"] }];
    writeFileSync(policy, JSON.stringify({ apiVersion: "cpm.trust/v1", keys, require: {} }));
    const given = ["--colony-server", colony.endpoint, "--colony", colony.client.colonyName, "--key", key];
    flags = [
      ...given,
      "--executor-name",
      "node-1",
      "--grace",
      "2s",
      "--registry-timeout",
      "1s",
      "--trust-policy",
      policy,
    ];
    await site.start(flags);
    // It waits until it is enrolled, under the id that it shows.
    await until(
      () => site.agent.log.some(({ event }) => event === "executor-trouble"),
      (seen) => seen,
    );
    const id = (await runAgentCommand(["id", "--key", key])).stdout.trim();
    const owner = colony.client.as(colony.colonyOwner);
    await owner.executors.add({ id, name: "node-1", type: "cpm-agent" });
    await owner.executors.approve("node-1");
  }, 300_000);
  afterAll(async () => {
    await site?.close();
    await colony?.stop();
  });

  const restart = async (): Promise<void> => {
    await site.agent.end("SIGTERM");
    await site.start(flags);
  };
  const call = async (funcname: string, kwargs: JsonObject) => {
    const conditions = { executortype: "cpm-agent", executornames: ["node-1"] };
    const { id } = await colony.client.processes.submit({ funcname, kwargs, conditions });
    return { ...(await waitForProcess(colony.client, id, { signal: AbortSignal.timeout(60_000) })), id };
  };

  const runningEnsures = async (): Promise<number> => {
    const text = await (await fetch(`http://${site.agent.watchPoint}/metrics`)).text();
    return Number(/^cpm_agent_ensures_running (\d+)$/m.exec(text)?.[1]);
  };
  /** Puts a package on the node whose registry falls silent meanwhile. */
  const ensureSlowly = async (name: string) => {
    await site.universe.publish(name, "1.0.0", { files: { "payload/noise": noise(400_000) } });
    site.network.faults.push({ path: /\/blobs\//, stallAfter: 100_000, times: 1000 });
    const conditions = { executortype: "cpm-agent", executornames: ["node-1"] };
    const kwargs = { package: name };
    const process = await colony.client.processes.submit({ funcname: "cpm.ensure", kwargs, conditions });
    await until(runningEnsures, (count) => count === 1);
    return process;
  };

  test("packages are ensured with progress in the log, listed, and verified", async () => {
    const ensured = await call("cpm.ensure", { package: "rise/tools@^1.0.0" });
    expect(ensured.errors).toEqual([]);
    const [{ path }] = ensured.output as unknown as [{ path: string }];
    expect(existsSync(join(path, "payload/hello.txt"))).toBe(true);
    const log = await colony.client.logs.ofProcess(ensured.id);
    expect(log.map(({ message }) => message).join("")).toContain("resolving\nfetching\n");
    expect((await call("cpm.list", {})).output).toMatchObject([
      { count: 1, packages: [{ name: "rise/tools", version: "1.0.0", path }] },
    ]);
    expect((await call("cpm.verify", { package: "rise/tools" })).output).toMatchObject([{ intact: true }]);
    chmodSync(join(path, "payload/hello.txt"), 0o644);
    writeFileSync(join(path, "payload/hello.txt"), "hallo\n");
    expect((await call("cpm.verify", { package: "rise/tools" })).output).toMatchObject([
      { intact: false, damagedPaths: ["payload/hello.txt"] },
    ]);
  }, 180_000);

  test("a package is ensured only when it is signed, where that is asked for, and it is told who signed it", async () => {
    const name = "rise/signed";
    await site.universe.publish(name, "1.0.0", { files: { "payload/a": "signed" } });
    const store = site.universe.client().repository(name);
    const wanted = { package: `${name}@1.0.0`, requireSignature: true };
    expect((await call("cpm.ensure", wanted)).errors.join()).toContain("[trust/unsigned]");
    const root = await store.resolve("1.0.0");
    if (root === undefined) throw new Error("it was not published");
    await signPackage(store, root, ada);
    expect((await call("cpm.ensure", wanted)).output).toMatchObject([{ signatureVerified: true }]);
    const verified = await call("cpm.verify", { package: name, signatures: true });
    expect(verified.output).toMatchObject([{ intact: true, signers: ["ada"] }]);
    for (const kwargs of [{ signatures: true }, { package: name, signatures: "yes" }])
      expect((await call("cpm.verify", kwargs)).errors.join()).toContain("[agent/invalid]");
  }, 180_000);

  test("a version is removed that nobody needs, and kept that is pinned or leased", async () => {
    const { universe } = site;
    await universe.publish("rise/removed", "1.0.0", { files: { "payload/a": "a" } });
    await universe.publish("rise/pinned", "1.0.0", { files: { "payload/a": "b" } });
    const exactly = (name: string) => ({ name, selector: { case: "range", value: "1.0.0" } }) as const;
    const lease = { id: "a-lease" };
    await site.client().ensure({ package: exactly("rise/pinned"), pin: true });
    await site.client().ensure({ package: exactly("rise/removed"), lease });
    for (const name of ["rise/pinned", "rise/removed"]) {
      const refused = await call("cpm.remove", { package: `${name}@1.0.0` });
      expect([refused.state, refused.errors.join()]).toEqual(["failed", expect.stringContaining("[agent/held]")]);
    }
    await site.client().release("a-lease");
    expect((await call("cpm.remove", { package: "rise/removed@1.0.0" })).output).toEqual([
      { removed: true, treeRemoved: true },
    ]);
    expect((await call("cpm.remove", { package: "rise/removed@1.0.0" })).output).toEqual([
      { removed: false, treeRemoved: false },
    ]);
    expect((await call("cpm.remove", { package: "rise/pinned@^1.0.0" })).errors.join()).toContain("[agent/invalid]");
  }, 180_000);

  test("a version is kept for releases until the last one lets it go, across a restart", async () => {
    const name = "rise/kept";
    await site.universe.publish(name, "1.0.0", { files: { "payload/a": "kept" } });
    for (const holder of ["books", "films", "books"])
      expect((await call("cpm.ensure", { package: `${name}@1.0.0`, holder })).state).toBe("success");
    await restart();
    const listed = async () => {
      const [{ packages }] = (await call("cpm.list", {})).output as unknown as [{ packages: { name: string }[] }];
      return packages.find((each) => each.name === name);
    };
    expect(await listed()).toMatchObject({ holders: ["books", "films"], pinned: false });
    const refused = await call("cpm.remove", { package: `${name}@1.0.0` });
    expect(refused.errors.join()).toContain("kept for books, films [agent/held]");
    expect(await site.client().collect({ freeBytes: 10n ** 15n })).toMatchObject({ removedTrees: expect.any(Number) });
    expect(await listed()).toBeDefined();
    expect((await call("cpm.release", { holder: "books" })).output).toEqual([{ released: 1 }]);
    expect((await call("cpm.release", { holder: "books" })).output).toEqual([{ released: 0 }]);
    expect((await call("cpm.remove", { package: `${name}@1.0.0` })).state).toBe("failed");
    expect((await call("cpm.release", { holder: "films" })).output).toEqual([{ released: 1 }]);
    expect((await call("cpm.remove", { package: `${name}@1.0.0` })).output).toMatchObject([{ removed: true }]);
    for (const holder of ["", "a/b", "x".repeat(129), 1])
      expect((await call("cpm.ensure", { package: name, holder })).errors.join()).toContain("[agent/invalid]");
  }, 180_000);

  test("all that is installed is verified at once, and the colony is told what the node has", async () => {
    await site.universe.publish("rise/whole", "1.0.0", { files: { "payload/a": "whole" } });
    await site.universe.publish("rise/broken", "1.0.0", { files: { "payload/a": "whole" } });
    await call("cpm.ensure", { package: "rise/whole" });
    const [{ path }] = (await call("cpm.ensure", { package: "rise/broken" })).output as unknown as [{ path: string }];
    chmodSync(join(path, "payload/a"), 0o644);
    const [verified] = (await call("cpm.verify", {})).output as unknown as [{ packages: { name: string }[] }];
    expect(verified).toMatchObject({ intact: false, count: verified.packages.length });
    const of = (name: string) => verified.packages.find((each) => each.name === name);
    expect(of("rise/whole")).toMatchObject({ intact: true, damagedPaths: [], damagedCount: 0 });
    expect(of("rise/broken")).toMatchObject({ intact: false, damagedPaths: ["payload/a"], damagedCount: 1 });
    const root = site.root;
    expect((await call("cpm.list", {})).output).toMatchObject([{ root, platform: expect.stringMatching(/^linux\//) }]);
    const told = await until(
      async () => (await colony.client.executors.list()).find(({ name }) => name === "node-1")?.capabilities,
      (capabilities) => JSON.stringify(capabilities).includes("rise/broken"),
    );
    expect(told).toMatchObject({
      hardware: [{ platform: "linux", storage: expect.stringMatching(/^[0-9]+Mi$/) }],
      software: expect.arrayContaining([
        { name: "cpm-agent", type: "cpm.agent", version: expect.any(String) },
        { name: root, type: "cpm.packages-directory", version: "1" },
        { name: "rise/whole", type: "cpm.package", version: "1.0.0" },
      ]),
    });
  }, 180_000);

  test("work that is cancelled ends, and so does what runs when the agent stops", async () => {
    const slow = await ensureSlowly("rise/cancelled");
    await colony.client.processes.cancel(slow.id);
    await until(runningEnsures, (count) => count === 0);
    const stopped = await ensureSlowly("rise/stopped");
    await restart();
    const ended = await waitForProcess(colony.client, stopped.id, { signal: AbortSignal.timeout(60_000) });
    expect([ended.state, ended.errors.join()]).toEqual(["failed", expect.stringContaining("the executor stops")]);
    site.network.faults.length = 0;
    expect((await call("cpm.ensure", { package: "rise/cancelled" })).errors).toEqual([]);
  }, 180_000);

  test("a server that dies while work is done for it gets the result, and what is held stays held", async () => {
    const held = { id: "while-away" };
    await site.client().ensure({ package: { name: "rise/tools" }, lease: held });
    const slow = await ensureSlowly("rise/slow");
    await colony.killServer();
    site.network.faults.length = 0;
    await until(runningEnsures, (count) => count === 0);
    expect(await site.client().renew(held)).toMatchObject({ lease: { id: held.id } });
    await colony.startServer();
    const ended = await waitForProcess(colony.client, slow.id, { signal: AbortSignal.timeout(60_000) });
    expect([ended.errors, ended.state]).toEqual([[], "success"]);
    await site.client().release(held.id);
  }, 180_000);

  test("a server that is killed under the agent and comes back is worked for again", async () => {
    const seen = site.agent.log.length;
    await colony.killServer();
    await until(
      () => site.agent.log.slice(seen).some(({ event }) => event === "executor-trouble"),
      (found) => found,
    );
    expect(await site.client().checkHealth()).toBe("serving");
    await colony.startServer();
    expect((await call("cpm.list", {})).state).toBe("success");
  }, 180_000);

  test("what cannot be done fails with its code, and with advice where there is some", async () => {
    const failures = [
      [await call("cpm.ensure", { package: "rise/none" }), "[agent/no-version]"],
      [await call("cpm.verify", { package: "rise/none" }), "[agent/not-installed]"],
      [await call("cpm.ensure", { package: "rise/tools", force: true }), "[agent/invalid]"],
      [await call("cpm.ensure", {}), "[agent/invalid]"],
    ] as const;
    for (const [process, code] of failures) {
      expect(process.state).toBe("failed");
      expect(process.errors.join()).toContain(code);
    }
    expect(failures[1][0].errors.at(1)).toBe("Ensure the package first.");
  }, 180_000);
});

test("a server that never answers keeps the agent neither from serving nor from stopping", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  const asked = once(silent, "connection");
  await once(silent, "listening");
  const site = await AgentSite.open();
  try {
    await site.agent.end("SIGTERM");
    const { port } = silent.address() as { port: number };
    const flags = ["--colony-server", `http://127.0.0.1:${port}`, "--colony", "dev", "--key", join(site.folder, "k")];
    const agent = await site.start([...flags, "--grace", "1s"]);
    await asked;
    expect(await site.client().checkHealth()).toBe("serving");
    expect(await agent.end("SIGTERM")).toMatchObject({ exitCode: 0 });
  } finally {
    await site.close();
    silent.close();
  }
}, 120_000);
