import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity } from "@cpm/colonies";
import { cliPath } from "../cli/workplace.ts";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import type { TestColony } from "../colonies/colony-under-test.ts";

const agentPath = join(import.meta.dir, "../../../apps/agent/src/main.ts");

describeOnColonies("enrolling agents", (start) => {
  let colony: TestColony;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cpm-enroll-"));
    colony = await start();
  }, 300_000);
  afterAll(async () => {
    await colony?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (path: string, ...argv: string[]) => {
    const { hostname, port } = new URL(colony.endpoint);
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      COLONIES_SERVER_HOST: hostname,
      COLONIES_SERVER_PORT: port,
      COLONIES_COLONY_NAME: colony.client.colonyName,
      COLONIES_PRVKEY: colony.user.exportPrivateKey(),
      COLONIES_COLONY_PRVKEY: colony.colonyOwner.exportPrivateKey(),
    };
    const child = Bun.spawn([process.execPath, path, ...argv, "--json"], { env, stdout: "pipe", stderr: "pipe" });
    const [out, err, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { status, data: out === "" ? undefined : JSON.parse(out), err };
  };
  const agent = async (...argv: string[]) => run(cliPath, "agent", ...argv);

  test("the id that a node shows is added and approved once, and listed", async () => {
    const key = join(folder, "executor.key");
    const { id } = (await run(agentPath, "id", "--key", key)).data;
    expect((await agent("enroll", id, "--name", "node-1")).data).toMatchObject({ id, name: "node-1", changed: true });
    expect((await agent("enroll", id)).data).toMatchObject({ id, name: "node-1", changed: false });
    await colony.addExecutor("other", "other-type");
    const untold = { version: null, platform: null, root: null, freeBytes: null, packages: [] };
    expect((await agent("list")).data).toEqual([
      { id, name: "node-1", state: "approved", lastHeardAt: null, location: "", ...untold },
    ]);
  }, 120_000);

  test("one that was rejected is approved again", async () => {
    const { id } = Identity.generate();
    const { name } = (await agent("enroll", id)).data;
    expect(name).toBe(`cpm-agent-${id.slice(0, 12)}`);
    await colony.client.as(colony.colonyOwner).executors.reject(name);
    expect((await agent("enroll", id)).data).toMatchObject({ name, changed: true });
    expect((await colony.client.executors.get(name)).state).toBe("approved");
  }, 120_000);

  test("a name, a second name and an executor of another type are not taken over", async () => {
    const stranger = await colony.addExecutor("stranger", "some-type");
    await colony.client.as(colony.colonyOwner).executors.reject("stranger");
    const { id } = Identity.generate();
    await agent("enroll", id, "--name", "node-2");
    const refused = [
      await agent("enroll", Identity.generate().id, "--name", "stranger"),
      await agent("enroll", stranger.id),
      await agent("enroll", id, "--name", "node-3"),
    ];
    for (const { status, err } of refused) {
      expect(status).toBe(6);
      expect(err).toContain("cli/name-taken");
    }
    expect((await colony.client.executors.get("stranger")).state).toBe("rejected");
  }, 120_000);

  test("what is no id, and actions that there are not, are wrong usage", async () => {
    for (const argv of [["enroll", "abc"], ["enroll"], ["list", "abc"], ["list", "--name", "x"], ["remove"]]) {
      expect((await agent(...argv)).status).toBe(2);
    }
  }, 120_000);
});
