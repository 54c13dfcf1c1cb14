import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentSite } from "../agent/agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  await site.universe.publish("rise/small", "1.0.0", { files: { "payload/a/small": "small" } });
});
afterAll(() => site.close());

// What an emptyDir with fsGroup is like: everybody may write, and new directories take its group and its mark.
test("an agent installs on a volume as Kubernetes prepares it", async () => {
  await site.agent.end("SIGTERM");
  rmSync(site.root, { recursive: true });
  mkdirSync(site.root);
  chmodSync(site.root, 0o2777);
  await site.start();
  const { installed } = await site.client().ensure({ package: { name: "rise/small" } });
  const payload = join(installed?.path ?? "", "payload/a");
  expect(existsSync(join(payload, "small"))).toBe(true);
  expect(statSync(payload).mode & 0o7777).toBe(0o555);
});
