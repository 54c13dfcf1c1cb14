import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CliRunOptions, Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
/** A user who has configured nothing at all. */
let bare: CliRunOptions;
const cpm = (line: string) => place.cpm(line.split(" "), bare);

beforeAll(async () => {
  place = await openWorkplace();
  const names = Object.keys(place.env).filter((name) => /^(?:CPM|COLONIES)_/.test(name));
  bare = { env: Object.fromEntries(names.map((name) => [name, undefined])) };
}, 60_000);
afterAll(async () => {
  await place?.cpm(["dev", "down"], bare);
  await place?.stop();
}, 60_000);

test("a user without any settings starts a colony, installs into it and sees the result", async () => {
  const started = await cpm("dev up --json");
  expect([started.status, started.stderr]).toEqual([0, ""]);
  const { registry, pid } = JSON.parse(started.stdout) as { registry: string; pid: number };
  expect(started.stdout).not.toMatch(/key/i);

  const again = await cpm("dev up");
  expect([again.status, again.stdout.split("\n")[0]]).toEqual([0, "runs already"]);

  await cpm("init hello --name rise/hello");
  const published = await cpm("publish hello");
  expect(published.stdout).toStartWith(`published rise/hello@0.1.0 to ${registry} `);
  const installed = await cpm("install rise/hello --wait --timeout 60s --set who=you --json");
  expect([installed.status, JSON.parse(installed.stdout).results]).toEqual([
    0,
    [expect.objectContaining({ state: "success", output: [{ letters: 3 }] })],
  ]);
  expect((await cpm("logs hello")).stdout).toBe("execute | hello, you\n");

  const shell = await cpm("dev status --shell");
  expect(shell.stdout.split("\n").map((line) => line.split("=")[0])).toEqual([
    "export COLONIES_SERVER_HOST",
    "export COLONIES_SERVER_PORT",
    "export COLONIES_TLS",
    "export COLONIES_COLONY_NAME",
    "export COLONIES_PRVKEY",
    "export COLONIES_COLONY_PRVKEY",
    "export CPM_REGISTRY",
    "export CPM_PACKAGES",
    "",
  ]);

  expect((await cpm("dev down")).stdout).toBe("stopped\n");
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect((await cpm("list")).status).toBe(2);

  await cpm("dev up");
  expect((await cpm("list")).stdout).toContain("rise/hello@0.1.0");
  expect((await cpm("dev down --purge")).status).toBe(0);
  expect(existsSync(join(place.home, ".local/state/cpm/dev"))).toBe(false);
}, 120_000);

test("an interrupted start leaves no process behind", async () => {
  const child = place.spawn(["dev", "up"], bare);
  const reader = child.stderr.getReader();
  await reader.read();
  reader.releaseLock();
  child.kill("SIGINT");
  const status = await child.exited;
  // It may have been ready already: then it runs, and is found.
  expect([0, 130]).toContain(status);
  const found = await cpm("dev status");
  if (status === 130) expect(found.status).toBe(5);
  else expect(found.status).toBe(0);
}, 60_000);
