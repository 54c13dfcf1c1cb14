import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ReleaseBook } from "@cpm/operations";
import { until } from "../colonies/until.ts";
import type { FlawedRegistry } from "./flawed-registry.ts";
import { openFlawedRegistry } from "./flawed-registry.ts";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
let slow: FlawedRegistry;
let transfers = 0;

beforeAll(async () => {
  place = await openWorkplace();
  slow = openFlawedRegistry(place.registry.endpoint, { bytesPerSecond: 200_000, onBlob: () => transfers++ });
  await place.addIdleExecutor("local-executor");
  await place.cpm(["init", "large", "--name", "rise/large"]);
  writeFileSync(join(place.folder, "large/payload/data"), crypto.getRandomValues(new Uint8Array(65_536)));
  for (let part = 0; part < 100; part++)
    writeFileSync(join(place.folder, `large/payload/data-${part}`), crypto.getRandomValues(new Uint8Array(65_536)));
  const { status, stderr } = await place.cpm(["publish", "large"]);
  if (status !== 0) throw new Error(stderr);
}, 120_000);
beforeEach(() => {
  transfers = 0;
});
afterAll(async () => {
  await slow?.stop();
  await place?.stop();
});

/** Starts an install and answers when its download is under way. */
async function startInstall(...flags: readonly string[]) {
  const child = place.spawn(["install", "rise/large", ...flags], { env: { CPM_REGISTRY: slow.host } });
  const ingest = join(place.packages, "ingest");
  await until(
    () => (existsSync(ingest) ? readdirSync(ingest).length : 0),
    (count) => transfers > 0 && count > 0,
  );
  return child;
}

async function releaseCount(): Promise<number> {
  const clock = { now: () => 0, sleep: async () => {} };
  return (await new ReleaseBook(place.user, clock).read()).revisions.length;
}

test("one interrupt during a download ends with 130 and leaves only what can be continued", async () => {
  const child = await startInstall();
  child.kill("SIGINT");
  const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect(status).toBe(130);
  expect(stderr).toMatch(/error: interrupted.*\[(?:cli|release)\/interrupted\]\nhint: .+\n$/);
  expect(place.leftovers()).toEqual([]);
  expect(existsSync(join(place.packages, "trees"))).toBe(false);
  expect(await releaseCount()).toBe(0);
}, 60_000);

test("an interrupt while waiting for the work leaves it running and says so", async () => {
  await place.cpm(["init", "little", "--name", "rise/little"]);
  const child = place.spawn(["install", "./little", "--wait"]);
  await until(releaseCount, (count) => count > 0);
  await until(
    async () => (await place.cpm(["list", "--json"])).stdout,
    (text) => text.includes('"deployed"'),
  );
  child.kill("SIGINT");
  const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect(status).toBe(130);
  expect(stderr).toContain('error: interrupted while waiting; "little" is installed and goes on [cli/interrupted]\n');
  expect(stderr).toContain("hint: `cpm status little` shows it");
  const purged = await place.cpm(["uninstall", "little", "--purge", "--yes"]);
  expect([purged.status, await releaseCount()]).toEqual([0, 0]);
}, 60_000);

test("with --json an interrupt is an error like any other", async () => {
  const child = await startInstall("--json");
  child.kill("SIGTERM");
  const [stderr, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect(status).toBe(130);
  expect(JSON.parse(stderr).error).toMatchObject({
    kind: "cancelled",
    message: expect.stringContaining("interrupted"),
  });
}, 60_000);

test("two interrupts end at once, and the next command clears what was left", async () => {
  const child = await startInstall();
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  const again = await place.cpm(["install", "rise/large", "--name", "again"]);
  expect([again.status, place.leftovers()]).toEqual([0, []]);
}, 60_000);
