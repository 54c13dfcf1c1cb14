import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { createOutput } from "./output/output.ts";
import { requireRegistry } from "./require-registry.ts";
import { Session } from "./session.ts";
import { resolveSettings } from "./settings.ts";
import { createTestContext } from "./testing/test-context.ts";
import { withSession } from "./with-session.ts";

const home = mkdtempSync(join(tmpdir(), "cpm-session-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function open(env: Record<string, string> = {}) {
  const context = createTestContext({ cwd: home, env: { HOME: home, ...env } });
  const output = createOutput(context, { json: false, quiet: false });
  return { context, output, session: new Session(resolveSettings(context, {}), context, output) };
}

const colony = { COLONIES_SERVER_HOST: "localhost", COLONIES_COLONY_NAME: "dev", COLONIES_PRVKEY: "1".repeat(64) };

describe("what is missing is named by its variable and its flag", () => {
  test.each<[missing: keyof typeof colony, message: string, flag: string]>([
    ["COLONIES_SERVER_HOST", "the ColonyOS server is not configured", "--server"],
    ["COLONIES_COLONY_NAME", "the colony is not configured", "--colony"],
    ["COLONIES_PRVKEY", "your private key is not configured", ""],
  ])("%s", (missing, message, flag) => {
    const { session } = open({ ...colony, [missing]: "" });
    try {
      session.colony();
    } catch (error) {
      if (!isCpmError(error, "cli/missing-setting")) throw error;
      expect(error.message).toBe(message);
      expect(error.hint).toContain(missing);
      expect(error.hint).toContain(flag);
      return;
    }
    throw new Error("nothing was missed");
  });
  test("the registry", () => {
    expect(() => requireRegistry(open().session.settings)).toThrow("the registry is not configured");
    expect(requireRegistry(open({ CPM_REGISTRY: "r.example" }).session.settings)).toBe("r.example");
  });
});

test("the owner is there when the owner's key is, and is not the user", () => {
  expect(open(colony).session.owner()).toBeUndefined();
  const { session } = open({ ...colony, COLONIES_COLONY_PRVKEY: "2".repeat(64) });
  expect(session.owner()?.identity?.id).not.toBe(session.colony().identity?.id);
});

test("a wrong key is refused before anything is sent", () => {
  const { session } = open({ ...colony, COLONIES_PRVKEY: "not a key" });
  expect(() => session.colony()).toThrow("private key");
});

test("to name the places of packages makes none of them", () => {
  const { session } = open(colony);
  expect(session.releases().node.root).toBe(join(home, ".local/share/cpm/packages"));
  expect(existsSync(join(home, ".local"))).toBe(false);
});

test("there is one client for each registry", () => {
  const { session } = open();
  expect(session.registry("a.example")).toBe(session.registry("a.example"));
  expect(session.registry("b.example")).not.toBe(session.registry("a.example"));
});

test("the scratch folder is one, is made when it is asked for and goes in every case", async () => {
  const { context, output } = open();
  let folder = "";
  const failing = withSession({ context, output, options: {} }, async (session) => {
    folder = session.access().scratch();
    expect(session.access().scratch()).toBe(folder);
    expect(existsSync(folder)).toBe(true);
    throw new Error("on purpose");
  });
  expect(failing).rejects.toThrow("on purpose");
  await failing.catch(() => {});
  expect(existsSync(folder)).toBe(false);
});
