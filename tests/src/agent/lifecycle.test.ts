import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentSite, faultOf } from "./agent-site.ts";
import { runAgentCommand } from "./agent-process.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  const large = Buffer.concat(Array.from({ length: 60 }, (_, index) => noise.map((byte) => byte ^ index)));
  await site.universe.publish("rise/large", "1.0.0", { files: { "payload/large": large } });
  await site.universe.publish("rise/small", "1.0.0", { files: { "payload/small": "small" } });
});
afterAll(() => site.close());

describe("the program", () => {
  test("says that it serves, by its exit status too", async () => {
    const good = await runAgentCommand(["health", "--socket", site.socket]);
    expect([good.exitCode, good.stdout]).toEqual([
      0,
      expect.stringMatching(/^serving: cpm-agent \S+, API level 1, \//),
    ]);
    const json = await runAgentCommand(["health", "--socket", site.socket, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: "serving", apiLevel: 1, root: site.root });
    const none = await runAgentCommand(["health", "--socket", join(site.folder, "none.sock")]);
    expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining("[agent-client/unreachable]")]);
  });

  test("checks settings, and names what is wrong with one and where it is from", async () => {
    const flags = ["--root", "/x", "--socket", "/x.sock", "--registry", "registry.example"];
    const good = await runAgentCommand(["config", "check", ...flags], {
      CPM_AGENT_MAX_LEASE: "2d",
      CPM_AGENT_TYPO: "1",
    });
    expect(good.exitCode).toBe(0);
    expect(good.stdout).toContain("maxLease: 2d  (CPM_AGENT_MAX_LEASE)");
    expect(good.stdout).toContain("note: CPM_AGENT_TYPO is set");
    for (const [args, said] of [
      [["--max-ensures", "0"], 'maxEnsures is "0" (--max-ensures), which is not a count'],
      [["--socket-mode", "9"], "socketMode"],
      [["--registry", "ftp://x"], "registry"],
      [["--default-lease", "8d"], "defaultLease"],
    ] as const) {
      const bad = await runAgentCommand(["config", "check", ...flags, ...args]);
      expect([bad.exitCode, bad.stderr]).toEqual([2, expect.stringContaining(said)]);
    }
  });

  test("is one for a packages directory, and one for a socket", async () => {
    const other = join(site.folder, "other.sock");
    const args = ["serve", "--registry", "registry.example", "--root"];
    const root = await runAgentCommand([...args, site.root, "--socket", other]);
    expect([root.exitCode, root.stderr]).toEqual([6, expect.stringContaining("[agent/root-in-use]")]);
    const socket = await runAgentCommand([...args, join(site.folder, "root2"), "--socket", site.socket]);
    expect([socket.exitCode, socket.stderr]).toEqual([1, expect.stringContaining("[agent/address]")]);
    expect((await site.client().getInfo()).root).toBe(site.root);
  });

  test("makes its socket for its user and group, and takes one that was left behind", async () => {
    expect(statSync(site.socket).mode & 0o777).toBe(0o660);
    await site.agent.end("SIGKILL");
    expect(existsSync(site.socket)).toBe(true);
    await site.start();
    expect(await site.client().checkHealth()).toBe("serving");
  });

  test("tells over HTTP how it is", async () => {
    const ask = async (path: string) => {
      const response = await fetch(`http://${site.agent.watchPoint}${path}`);
      return [response.status, await response.text()] as const;
    };
    expect(await ask("/livez")).toEqual([200, "ok\n"]);
    expect(await ask("/readyz")).toEqual([200, "ok\n"]);
    expect((await ask("/else"))[0]).toBe(404);
    await site.client().getInfo();
    const [, metrics] = await ask("/metrics");
    expect(metrics).toContain('cpm_agent_rpc_total{method="GetInfo",code="ok"}');
    expect(metrics).toMatch(/^cpm_agent_clients_connected [1-9]/m);
    for (const line of metrics.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) .*|[a-z_]+(\{[a-zA-Z0-9_="+.,-]*\})? [0-9.e+-]+)$/);
  });
});

describe("a signal to stop", () => {
  test("lets an Ensure that runs end, ends watchers, and takes no one new", async () => {
    const [agent, watcher] = [site.client(), site.client()];
    const watched = Array.fromAsync(watcher.watch());
    const fetching = Promise.withResolvers<void>();
    // The rest of the download waits until the agent is draining.
    const resume = Promise.withResolvers<void>();
    site.network.faults.push({
      method: "GET",
      path: /large\/blobs/,
      times: 3,
      cutResponseAfter: 2_000_000,
      cutWhen: resume.promise,
    });
    const ensuring = agent.ensure(
      { package: { name: "rise/large" } },
      { onProgress: ({ doneBytes }) => doneBytes > 1_000_000n && fetching.resolve() },
    );
    await fetching.promise;
    const ended = site.agent.end("SIGTERM");
    expect(await faultOf(watched)).toMatchObject({ code: "agent/draining", kind: "unavailable" });
    expect(await faultOf(site.client().getInfo())).toMatchObject({ code: "agent-client/unreachable" });
    resume.resolve();
    expect((await ensuring).installed?.version).toBe("1.0.0");
    expect(await ended).toEqual({ exitCode: 0, signalCode: null });
    expect(site.agent.log.map(({ event }) => event).slice(-1)).toEqual(["stopped"]);
    expect(existsSync(site.socket)).toBe(false);
    site.network.faults.splice(0);
    await site.start();
  });

  test("ends what takes longer than the grace", async () => {
    await site.agent.end("SIGTERM");
    await site.start(["--grace", "300ms"]);
    await site.universe.publish("rise/endless", "1.0.0", { files: { "payload/x": "x" } });
    site.network.faults.push({ path: /endless/, times: 100, stallAfter: -1 });
    const ensuring = faultOf(site.client().ensure({ package: { name: "rise/endless" } }));
    while (!site.network.exchanges.some(({ path }) => path.includes("endless"))) await Bun.sleep(10);
    expect(await site.agent.end("SIGTERM")).toMatchObject({ exitCode: 0 });
    expect(await ensuring).toMatchObject({ kind: "unavailable" });
    site.network.faults.splice(0);
    await site.start();
  });
});

describe.skipIf(process.platform !== "linux" || Bun.which("python3") === null)("the service manager", () => {
  test("is told that the agent serves, lives and stops", async () => {
    const path = join(site.folder, "notify.sock");
    const program = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True: print(s.recv(4096).decode().split(chr(10))[0], flush=True)`;
    const manager = Bun.spawn(["python3", "-c", program, path], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const told = wordsOf(manager.stdout);
      expect(await told()).toBe("bound");
      await site.agent.end("SIGTERM");
      await site.start([], { NOTIFY_SOCKET: path, WATCHDOG_USEC: "100000" });
      expect([await told(), await told(), await told()]).toEqual(["READY=1", "WATCHDOG=1", "WATCHDOG=1"]);
      await site.agent.end("SIGTERM");
      let word = await told();
      while (word === "WATCHDOG=1") word = await told();
      expect(word).toBe("STOPPING=1");
      await site.start();
    } finally {
      manager.kill();
    }
  });
});

/** The lines of a stream, one for each call. */
function wordsOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  let text = "";
  return async () => {
    while (!text.includes("\n")) text += Buffer.from((await reader.read()).value ?? []).toString();
    const end = text.indexOf("\n");
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
}
