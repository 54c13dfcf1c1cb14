import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { serveAgent } from "./serve.ts";
import { agentSettings } from "./settings/setting-table.ts";
import { toServeOptions } from "./settings/serve-options.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-serve-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const options = (...flags: readonly string[]) =>
  toServeOptions(
    agentSettings.read(
      ["--root", join(scratch, "packages"), "--registry", "127.0.0.1:1", "--log", "off", ...flags],
      {},
    ),
    {},
    () => {},
  );

test("an agent that cannot listen leaves nothing open, and the next one can", async () => {
  const socket = join(scratch, "agent.sock");
  const taken = join(scratch, "file");
  writeFileSync(taken, "");
  for (const flags of [
    ["--socket", taken, "--metrics", "127.0.0.1:0"],
    ["--socket", socket, "--metrics", "256.0.0.1:1"],
  ]) {
    const error: unknown = await serveAgent(options(...flags)).catch((thrown: unknown) => thrown);
    expect([flags, isCpmError(error, "agent/address")]).toEqual([flags, true]);
  }
  const agent = await serveAgent(options("--socket", socket));
  expect(existsSync(socket)).toBe(true);
  await agent.stop();
  expect(existsSync(socket)).toBe(false);
});
