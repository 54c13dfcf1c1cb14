import { afterEach, beforeEach, expect, test } from "bun:test";
import type { JsonObject } from "@cpm/base";
import { parseReference } from "@cpm/model";
import {
  collectPackages,
  findOutdated,
  locatePackage,
  lockProject,
  parsePackageSource,
  readProject,
  withdrawalWarnings,
  writeProjectLock,
} from "@cpm/operations";
import type { World } from "@cpm/operations";
import { versionsFromTags } from "@cpm/registry-client";
import { copyGraph, MemoryStore } from "@cpm/store";
import { failure } from "../failure.ts";
import { Universe } from "./universe.ts";

let universe: Universe;
const world: World = { cpmVersion: "0.1.0", platform: "linux/amd64" };
const reason = "Loses data.";

beforeEach(async () => {
  universe = await Universe.open();
  for (const version of ["1.0.0", "1.1.0"]) await universe.publish("rise/tools", version);
});
afterEach(async () => universe.close());

test("a yanked version is chosen by nobody who did not choose it before", async () => {
  const root = universe.sketch("me/app", "1.0.0", { dependencies: { "rise/tools": "^1" } });
  const before = await lockOf(root);
  writeProjectLock(root, before.lock);
  await yank("1.1.0", { reason });
  expect(await versionsOf("rise/tools")).toEqual(["rise/tools@1.0.0"]);
  expect(await located("rise/tools")).toBe("1.0.0");
  expect(await located("rise/tools@^1")).toBe("1.0.0");
  expect(await lock(root)).toEqual({
    versions: ["1.1.0"],
    warnings: [`rise/tools@1.1.0 was yanked: ${reason} [package/yanked]`],
  });
  expect(await lock(root, "all")).toEqual({ versions: ["1.0.0"], warnings: [] });
  const outdated = async (update?: "all") =>
    findOutdated((await lockOf(root, update)).lock, universe.registry.host, universe.access().metadata);
  writeProjectLock(root, before.lock);
  expect(await outdated()).toEqual([{ name: "rise/tools", locked: "1.1.0", wanted: "1.0.0", newest: "1.0.0" }]);
  expect(await outdated("all")).toEqual([]);
});

test("a yanked version is installed where it is locked or named exactly, with a warning", async () => {
  const root = universe.sketch("me/app", "1.0.0", { dependencies: { "rise/tools": "^1" } });
  const { lock: locked } = await lockOf(root);
  await yank("1.1.0", { reason });
  const access = universe.access({ cache: "fresh" });
  const packages = await collectPackages(parsePackageSource(root), access, { world, lock: locked });
  expect(packages.map(({ variant, withdrawal }) => [variant.manifest.version.text, withdrawal?.yankReason])).toEqual([
    ["1.1.0", reason],
    ["1.0.0", undefined],
  ]);
  const [exact] = await collectPackages(parsePackageSource("rise/tools@1.1.0"), access, { world });
  expect(exact?.withdrawal).toMatchObject({ yanked: true, yankReason: reason });
  const digest = exact?.variant.root.digest ?? "";
  const [byDigest] = await collectPackages(parsePackageSource(`rise/tools@${digest}`), access, { world });
  expect(byDigest?.withdrawal).toMatchObject({ yanked: true });
});

test("where only a yanked version fits, it is said why it was yanked", async () => {
  await yank("1.1.0", { reason });
  const root = universe.sketch("me/app", "1.0.0", { dependencies: { "rise/tools": "^1.1" } });
  const error = await failure(() => lockOf(root));
  expect(error.code).toBe("solver/no-solution");
  expect(error.hint).toContain("rise/tools 1.1.0 fits but was yanked: Loses data. Require exactly 1.1.0");
});

test("where every version is yanked, the newest can still be looked at", async () => {
  for (const version of ["1.0.0", "1.1.0"]) await yank(version, { reason });
  expect(await located("rise/tools")).toBe("1.1.0");
});

test("a version that is no longer yanked is chosen again", async () => {
  await yank("1.1.0", { reason });
  await yank("1.1.0");
  expect(await versionsOf("rise/tools")).toEqual(["rise/tools@1.1.0"]);
});

test("a deprecated package is chosen as before, with a warning that names what to use", async () => {
  await put("deprecation", { message: "Unmaintained.", successor: "rise/other" });
  await universe.publish("rise/own", "1.0.0", { more: "deprecated: Write it yourself." });
  const root = universe.sketch("me/app", "1.0.0", { dependencies: { "rise/tools": "^1", "rise/own": "^1" } });
  const { resolution } = await lockOf(root);
  const warnings = withdrawalWarnings(resolution.packages);
  expect(warnings.map(({ code, message, hint }) => [code, message, hint?.includes("rise/other")])).toContainEqual([
    "package/deprecated",
    "rise/tools@1.1.0 is deprecated: Unmaintained.",
    true,
  ]);
  expect(warnings.map(({ message }) => message)).toContain("rise/own@1.0.0 is deprecated: Write it yourself.");
});

test("a copy in a registry without an index tells the same, by the newest of the marks that came along", async () => {
  await yank("1.1.0", { reason: "first" });
  await yank("1.1.0");
  await yank("1.0.0", { reason });
  await yank("1.1.0", { reason: "second" });
  const source = universe.client().repository("rise/tools");
  const copy = new MemoryStore();
  for (const tag of await source.tags()) {
    const root = (await source.resolve(tag)) ?? missing();
    await copyGraph(source, copy, root, { tags: [tag] });
    for (const mark of await source.referrers(root.digest)) await copyGraph(source, copy, mark);
  }
  const told = (await versionsFromTags(copy))?.versions.map(({ version, yankReason }) => [version.text, yankReason]);
  expect(told?.toSorted()).toEqual([
    ["1.0.0", reason],
    ["1.1.0", "second"],
  ]);
});

test("marks that are copied into another registry yank there too", async () => {
  await yank("1.1.0", { reason });
  const other = await Universe.open();
  try {
    const [source, target] = [universe, other].map((each) => each.client().repository("rise/tools"));
    if (source === undefined || target === undefined) throw new TypeError("two were opened");
    const root = (await source.resolve("1.1.0")) ?? missing();
    await copyGraph(source, target, root, { tags: ["1.1.0"] });
    for (const mark of await source.referrers(root.digest)) await copyGraph(source, target, mark);
    const listed = await other.access().metadata.versions(other.registry.host, "rise/tools");
    expect(listed).toMatchObject([{ yanked: true, yankReason: reason }]);
  } finally {
    await other.close();
  }
});

async function put(path: string, body: JsonObject): Promise<void> {
  const url = `${universe.registry.endpoint}/api/v1/packages/rise/tools/${path}`;
  expect((await fetch(url, { method: "PUT", body: JSON.stringify(body) })).status).toBe(200);
}

/** Without a reason the yank is taken back. */
async function yank(version: string, body?: { readonly reason: string }): Promise<void> {
  if (body !== undefined) return put(`versions/${version}/yank`, body);
  const url = `${universe.registry.endpoint}/api/v1/packages/rise/tools/versions/${version}/yank`;
  expect((await fetch(url, { method: "DELETE" })).status).toBe(200);
}

async function versionsOf(text: string): Promise<string[]> {
  const access = universe.access({ cache: crypto.randomUUID() });
  const packages = await collectPackages(parsePackageSource(text), access, { world });
  return packages.map(({ variant: { manifest } }) => `${manifest.name}@${manifest.version.text}`);
}

async function located(text: string): Promise<string | undefined> {
  const source = { kind: "reference", reference: parseReference(text) } as const;
  return (await locatePackage(source, universe.access({ cache: crypto.randomUUID() }))).version?.text;
}

function lockOf(root: string, update?: "all") {
  const project = readProject(root);
  const request = { project, ...(update === undefined ? {} : { update }) };
  return lockProject(request, universe.access({ cache: crypto.randomUUID() }), world);
}

async function lock(root: string, update?: "all") {
  const { lock: made, resolution } = await lockOf(root, update);
  writeProjectLock(root, made);
  const versions = made.packages.map(({ version }) => version.text);
  const warnings = withdrawalWarnings(resolution.packages);
  return { versions, warnings: warnings.map(({ code, message }) => `${message} [${code}]`) };
}

function missing(): never {
  throw new TypeError("it was published");
}
