import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unprivileged, whyNotUnprivileged } from "../cli/unprivileged.ts";
import { AgentSite } from "./agent-site.ts";

const reason = process.getuid?.() === 0 ? whyNotUnprivileged() : "only root can call as another user";
let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  chmodSync(site.folder, 0o755);
  await site.universe.publish("rise/shared", "1.0.0", { files: { "payload/a": "a" } });
});
afterAll(() => site.close());

/** Runs a program with a client `agent` as another user; answers what it prints. */
async function asAnotherUser(body: string): Promise<string> {
  const path = join(site.folder, "client.ts");
  const entry = join(import.meta.dir, "../../../packages/agent-client/src/index.ts");
  writeFileSync(
    path,
    `import { openAgent } from ${JSON.stringify(entry)};
const { socket, root } = ${JSON.stringify({ socket: site.socket, root: site.root })};
const agent = openAgent({ socket, root, clientName: "other", clientVersion: "0" });
const codeOf = (promise) => promise.then(() => "ok", (error) => error.code);
${body}
agent.close();
`,
  );
  const child = Bun.spawn([...unprivileged, process.execPath, path], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: site.folder,
    env: { HOME: "/nonexistent", PATH: process.env["PATH"] ?? "" },
  });
  return (await new Response(child.stdout).text()).trim();
}

test.skipIf(reason !== undefined)("another user may not open the socket unless its mode says so", async () => {
  expect(await asAnotherUser("console.log(await codeOf(agent.getInfo()));")).toBe("agent-client/unreachable");
});

test.skipIf(reason !== undefined)(
  "another user reads, ensures, holds and leases, and changes nothing for others",
  async () => {
    await site.agent.end("SIGTERM");
    await site.start(["--socket-mode", "0666"]);
    const own = site.client();
    await own.ensure({ package: { name: "rise/shared" } });
    await own.acquire({
      lease: { id: "mine" },
      treeDigests: [(await Array.fromAsync(own.list()))[0]?.treeDigest ?? ""],
    });
    const printed = await asAnotherUser(`
const held = await agent.holdPackage("rise/shared@1.0.0");
const lease = { id: "theirs" };
const answers = [
  held.by,
  await codeOf(agent.ensure({ package: { name: "rise/shared" } })),
  await codeOf(agent.acquire({ lease, treeDigests: [held.tree] })),
  await codeOf(agent.release("mine")),
  await codeOf(agent.acquire({ lease: { id: "mine" }, treeDigests: [held.tree] })),
  await codeOf(agent.verify({ package: { name: "rise/shared" } })),
  await codeOf(agent.verify({ package: { name: "rise/shared" }, heal: true })),
  await codeOf(agent.remove("rise/shared", "1.0.0")),
  await codeOf(agent.collect()),
];
console.log(JSON.stringify(answers));`);
    expect(JSON.parse(printed)).toEqual([
      "lock",
      "ok",
      "ok",
      "agent/lease-owner",
      "agent/lease-owner",
      "ok",
      "agent/denied",
      "agent/denied",
      "agent/denied",
    ]);
    expect(site.agent.log).toContainEqual(
      expect.objectContaining({ method: "Remove", uid: 65534, code: "agent/denied" }),
    );
    expect(await own.release("theirs")).toMatchObject({ released: true });
  },
);

test.skipIf(reason !== undefined)("a user who is named an administrator may", async () => {
  await site.agent.end("SIGTERM");
  await site.start(["--socket-mode", "0666", "--administrators", "1,65534"]);
  expect(await asAnotherUser(`console.log(await codeOf(agent.remove("rise/shared", "1.0.0")));`)).toBe("ok");
});

test("why a test was skipped is said", () => {
  if (reason !== undefined) process.stderr.write(`skipped: ${reason}\n`);
});
