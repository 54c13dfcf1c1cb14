import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Executor } from "@cpm/colonies";
import { formatLockfile, parseRange, parseVersion } from "@cpm/model";
import {
  collectPackages,
  compareLocks,
  lockProject,
  parsePackageSource,
  readProject,
  requireCurrentLock,
  WorldFacts,
  writeProjectLock,
} from "@cpm/operations";
import type { World } from "@cpm/operations";
import { failure } from "../failure.ts";
import { Universe } from "./universe.ts";

let universe: Universe;
const world: World = { cpmVersion: "0.1.0", platform: "linux/amd64" };

beforeEach(async () => {
  universe = await Universe.open();
});
afterEach(async () => universe.close());

async function versionsOf(text: string, access = universe.access(), options = { world }): Promise<string[]> {
  const packages = await collectPackages(parsePackageSource(text), access, options);
  return packages.map(({ variant: { manifest } }) => `${manifest.name}@${manifest.version.text}`);
}

async function publishPipeline(): Promise<void> {
  await universe.publish("rise/tools", "1.0.0");
  await universe.publish("rise/tools", "1.4.0");
  await universe.publish("rise/tools", "2.0.0");
  await universe.publish("rise/base", "1.0.0", { dependencies: { "rise/tools": "^1" } });
  await universe.publish("rise/base", "2.0.0", { dependencies: { "rise/tools": "^2" } });
  await universe.publish("rise/pipe", "2.0.0", { dependencies: { "rise/base": "^1", "rise/tools": ">=1" } });
  await universe.publish("rise/pipe", "2.1.0", { dependencies: { "rise/base": "^2", "rise/tools": "^1" } });
}

test("the newest version that can be had is chosen, with what it needs before it", async () => {
  await publishPipeline();
  expect(await versionsOf("rise/pipe@^2")).toEqual(["rise/tools@1.4.0", "rise/base@1.0.0", "rise/pipe@2.0.0"]);
});

test("where there is no choice, the sentences say why, with the packages that ask", async () => {
  await publishPipeline();
  const error = await failure(() => versionsOf("rise/pipe@2.1.0"));
  expect(error.code).toBe("solver/no-solution");
  for (const part of ["rise/base", "rise/tools ^1", "rise/tools ^2"]) expect(error.message).toContain(part);
});

test("a pre-release is chosen only where there is nothing else, or a range names one", async () => {
  await universe.publish("rise/new", "1.0.0-rc.1");
  expect(await versionsOf("rise/new")).toEqual(["rise/new@1.0.0-rc.1"]);
  await universe.publish("rise/new", "0.9.0");
  expect(await versionsOf("rise/new", universe.access({ cache: "two" }))).toEqual(["rise/new@0.9.0"]);
  expect(await versionsOf("rise/new@>=1.0.0-rc.0", universe.access({ cache: "two" }))).toEqual(["rise/new@1.0.0-rc.1"]);
});

test("young versions are left out when a minimum age is asked for", async () => {
  await universe.publish("rise/tools", "1.0.0");
  universe.aheadMs = 3 * 3_600_000;
  const error = await failure(() =>
    collectPackages(parsePackageSource("rise/tools"), universe.access(), { world, minimumAgeMs: 86_400_000 }),
  );
  expect(error.code).toBe("solver/no-solution");
  expect(`${error.message} ${error.hint}`).toContain("3 hours old");
  universe.aheadMs = 2 * 86_400_000;
  const found = await collectPackages(parsePackageSource("rise/tools"), universe.access(), {
    world,
    minimumAgeMs: 86_400_000,
  });
  expect(found).toHaveLength(1);
});

test("a missing executor is a fact like any other: an older version that does without is chosen", async () => {
  await universe.publish("rise/job", "1.0.0");
  await universe.publish("rise/job", "2.0.0", { requires: "{executors: [{type: gpu-executor, arch: [arm64]}]}" });
  const executor = {
    type: "gpu-executor",
    state: "approved",
    name: "g",
    capabilities: { hardware: [{ architecture: "amd64" }] },
  };
  const colony = { executors: [executor as unknown as Executor], releases: [] };
  expect(await versionsOf("rise/job", universe.access(), { world: { ...world, colony } })).toEqual(["rise/job@1.0.0"]);
  const error = await failure(() => versionsOf("rise/job@^2", universe.access(), { world: { ...world, colony } }));
  expect(error.code).toBe("colony/missing-executor");
  expect(error.message).toContain("executor gpu-executor on arm64");
  expect(error.message).toContain("those of the type run on amd64");
  const facts = new WorldFacts({ ...world, colony: { executors: [], releases: [] } });
  expect(facts.versions("@cpm").map(({ version }) => version.text)).toEqual(["0.1.0"]);
});

test("a warm resolution asks nobody, works offline, and asks again when the answer is old", async () => {
  await publishPipeline();
  await versionsOf("rise/pipe@^2");
  universe.requests.length = 0;
  expect(await versionsOf("rise/pipe@^2")).toContain("rise/pipe@2.0.0");
  expect(universe.requests).toEqual([]);
  expect(await versionsOf("rise/pipe@^2", universe.access({ offline: true }))).toContain("rise/pipe@2.0.0");
  expect(universe.requests).toEqual([]);
  universe.aheadMs = 6 * 60_000;
  await versionsOf("rise/pipe@^2");
  expect(universe.requests.every((path) => path.endsWith("/resolution"))).toBe(true);
  expect(universe.requests.length).toBeGreaterThan(0);
  const cold = await failure(() => versionsOf("rise/pipe@^2", universe.access({ cache: "empty", offline: true })));
  expect(cold.code).toBe("resolution/offline");
});

test("listings are asked for one level of depth at a time, each in parallel", async () => {
  // A tree of three levels with fourteen children each: 211 packages.
  const children = (name: string): string[] => [..."abcdefghijkmnp"].map((letter) => `${name}${letter}`);
  const publishTree = async (name: string, depth: number): Promise<void> => {
    const below = depth === 0 ? [] : children(name);
    for (const child of below) await publishTree(child, depth - 1);
    await universe.publish(`t/${name}`, "1.0.0", {
      dependencies: Object.fromEntries(below.map((child) => [`t/${child}`, "^1"])),
    });
  };
  await publishTree("r", 2);
  const access = universe.access();
  let [open, widest, waves] = [0, 0, 0];
  const asked = access.metadata.versions.bind(access.metadata);
  access.metadata.versions = (host, name) => {
    const answer = asked(host, name);
    if (!(answer instanceof Promise)) return answer;
    if (open++ === 0) waves++;
    widest = Math.max(widest, open);
    return answer.finally(() => open--);
  };
  expect(await versionsOf("t/r", access)).toHaveLength(211);
  expect(widest).toBeGreaterThanOrEqual(196);
  expect(waves).toBeLessThanOrEqual(3);
});

test("what a registry lists must be what the artifacts say", async () => {
  await universe.publish("rise/tools", "1.0.0");
  await universe.publish("rise/job", "1.0.0", { dependencies: { "rise/tools": "^1" } });
  const access = universe.access();
  const asked = access.metadata.versions.bind(access.metadata);
  // A listing that hides what the package needs.
  access.metadata.versions = async (host, name) =>
    (await asked(host, name))?.map((entry) => (name === "rise/job" ? { ...entry, dependencies: [] } : entry));
  const error = await failure(() => versionsOf("rise/job", access));
  expect(error.code).toBe("package/not-a-package");
  expect(error.message).toContain("the registry's listing is wrong");
});

test("a lockfile keeps versions, update moves one, and the same resolution has the same bytes", async () => {
  await universe.publish("rise/tools", "1.0.0");
  await universe.publish("rise/other", "1.0.0");
  const root = universe.sketch("me/app", "0.1.0", { dependencies: { "rise/tools": "^1", "rise/other": "^1" } });
  const first = await lockProject({ project: readProject(root) }, universe.access(), world);
  writeProjectLock(root, first.lock);
  expect((await lockProject({ project: readProject(root) }, universe.access({ cache: "fresh" }), world)).lock).toEqual(
    first.lock,
  );
  await universe.publish("rise/tools", "1.1.0");
  await universe.publish("rise/other", "1.1.0");
  const fresh = () => universe.access({ cache: crypto.randomUUID() });
  const kept = await lockProject({ project: readProject(root) }, fresh(), world);
  expect(formatLockfile(kept.lock)).toBe(formatLockfile(first.lock));
  const moved = await lockProject({ project: readProject(root), update: new Set(["rise/tools"]) }, fresh(), world);
  expect(compareLocks(first.lock, moved.lock)).toEqual([{ name: "rise/tools", before: "1.0.0", after: "1.1.0" }]);
  const all = await lockProject({ project: readProject(root), update: "all" }, fresh(), world);
  expect(compareLocks(first.lock, all.lock).map(({ name }) => name)).toEqual(["rise/other", "rise/tools"]);
});

test("what a locked version needs is resolved too", async () => {
  await publishPipeline();
  const root = universe.sketch("me/app", "0.1.0", { dependencies: { "rise/pipe": "^2" } });
  const { lock } = await lockProject({ project: readProject(root) }, universe.access(), world);
  expect(lock.packages).toHaveLength(3);
  writeProjectLock(root, lock);
  const again = await lockProject({ project: readProject(root) }, universe.access({ cache: "fresh" }), world);
  expect(formatLockfile(again.lock)).toBe(formatLockfile(lock));
  const gone = lock.packages.map((entry) => ({ ...entry, version: parseVersion(`${entry.version.major}.9.9`) }));
  const moved = { project: { ...readProject(root), lock: { ...lock, packages: gone } } };
  const resolved = await lockProject(moved, universe.access({ cache: "third" }), world);
  expect(formatLockfile(resolved.lock)).toBe(formatLockfile(lock));
});

test("a lockfile that is missing or out of date is told for --locked", async () => {
  await universe.publish("rise/tools", "1.0.0");
  const root = universe.sketch("me/app", "0.1.0", { dependencies: { "rise/tools": "^1" } });
  expect((await failure(() => requireCurrentLock(readProject(root)))).code).toBe("lock/missing");
  writeProjectLock(root, (await lockProject({ project: readProject(root) }, universe.access(), world)).lock);
  expect(requireCurrentLock(readProject(root)).packages).toHaveLength(1);
  const { manifest, lock } = readProject(root);
  const [dependency] = manifest.dependencies;
  if (lock === undefined || dependency === undefined) throw new Error("the project has both");
  const changed = { ...manifest, dependencies: [{ ...dependency, version: parseRange("~1.0") }] };
  expect((await failure(() => requireCurrentLock({ root, manifest: changed, lock }))).code).toBe("lock/out-of-date");
});

test("other bytes under a locked version are refused with both digests, and so is another registry", async () => {
  const digest = await universe.publish("rise/tools", "1.0.0");
  const root = universe.sketch("me/app", "0.1.0", { dependencies: { "rise/tools": "^1" } });
  const { lock } = await lockProject({ project: readProject(root) }, universe.access(), world);
  const other = await Universe.open();
  try {
    const forged = await other.publish("rise/tools", "1.0.0", { note: "forged" });
    const swapped = { ...lock, packages: lock.packages.map((entry) => ({ ...entry, registry: other.registry.host })) };
    const source = { kind: "path" as const, path: root };
    const mismatch = await failure(() => collectPackages(source, other.access(), { world, lock: swapped }));
    expect(mismatch.code).toBe("lock/digest-mismatch");
    expect(mismatch.message).toContain(digest);
    expect(mismatch.message).toContain(forged);
    const foreign = await failure(() => collectPackages(source, other.access(), { world, lock }));
    expect(foreign.code).toBe("lock/other-registry");
    expect(foreign.message).toContain(universe.registry.host);
  } finally {
    await other.close();
  }
});

test("packages that need one another are named in a circle", async () => {
  await universe.publish("rise/a", "1.0.0", { dependencies: { "rise/b": "^1" } });
  await universe.publish("rise/b", "1.0.0", { dependencies: { "rise/a": "^1" } });
  const error = await failure(() => versionsOf("rise/a"));
  expect([error.code, error.message]).toEqual([
    "package/dependency-cycle",
    "packages need one another: rise/a → rise/b → rise/a",
  ]);
});
