import { afterAll, beforeAll, expect, test } from "bun:test";
import { parseAssignment } from "@cpm/model";
import {
  formatPlanFile,
  lockProject,
  parsePlanFile,
  readProject,
  readReleaseStatus,
  resolvePackages,
  treeOf,
  WorldFacts,
  requireCurrentLock,
  writeProjectLock,
} from "@cpm/operations";
import { parseRange } from "@cpm/model";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import { demoExecutor } from "../operations/demo-package.ts";
import { errorOf, nothing } from "../operations/lab.ts";
import { Installation } from "./installation.ts";

const world = { cpmVersion: "0.1.0", platform: "linux/amd64" };

const functionOf = (name: string, env = "{}"): Readonly<Record<string, string>> => ({
  [`templates/${name}.yaml`]: `kind: Function\nname: ${name}\nspec: {funcname: f, env: ${env}, conditions: {executortype: ${demoExecutor}}, maxexectime: 60}\n`,
});
const executors = `{executors: [{type: ${demoExecutor}}]}`;

describeOnColonies("conditions and instances", (start) => {
  let there: Installation;
  beforeAll(async () => {
    there = await Installation.open(start);
    const { universe } = there;
    await universe.publish("rise/gpu-tools", "1.0.0", { requires: executors, files: functionOf("warm") });
    await universe.publish("rise/gpu-tools", "1.1.0", { requires: executors, files: functionOf("warm") });
    await universe.publish("rise/words", "1.0.0", {
      requires: executors,
      more: 'multiInstance: true\ninputs: [{key: lang, type: string}]\noutputs: {said: "${inputs.lang}"}\npayload: [{include: ["data/**"]}]',
      files: { ...functionOf("load", '{LANG: "${inputs.lang}"}'), "data/words": "words\n" },
    });
    await universe.publish("rise/app", "1.0.0", {
      requires: executors,
      more: `inputs: [{key: gpu, type: bool, default: false}]
dependencies:
  rise/gpu-tools: {version: ^1, when: "\${inputs.gpu}"}
  rise/words: [{version: ^1, alias: english, with: {lang: en}}, {version: ^1, alias: swedish, with: {lang: sv}}]`,
      files: functionOf("run", '{BOTH: "${deps.english.outputs.said + deps.swedish.outputs.said}"}'),
    });
  }, 300_000);
  afterAll(async () => there?.close());

  test("a condition that is false leaves a package out before versions are chosen", async () => {
    const { universe } = there;
    // It cannot be had at all, which matters to nobody who does not want it.
    await universe.publish("rise/impossible", "1.0.0", {
      more: `inputs: [{key: gpu, type: bool, default: false}]
dependencies: {rise/gpu-tools: {version: ^9, when: "\${inputs.gpu}"}}`,
    });
    const names = async (text: string, ...set: string[]) =>
      (await there.prepare(text, { set })).plan.packages.map(({ name, version }) => `${name}@${version}`);
    for (const text of ["rise/impossible", "rise/impossible@1.0.0", "rise/impossible@^1"]) {
      expect(await names(text)).toEqual(["rise/impossible@1.0.0"]);
      const error = await errorOf(names(text, "gpu=true"));
      expect(error.code).toBe("solver/no-solution");
      expect(error.message).toContain("rise/gpu-tools ^9");
    }
    const access = universe.access({ cache: crypto.randomUUID() });
    const request = {
      requirements: [{ name: "rise/impossible", range: parseRange("*"), from: "the command line" }],
      registry: universe.registry.host,
    };
    const inputsOf = (...set: string[]) => ({ name: "rise/impossible", given: set.map(parseAssignment) });
    const resolve = (more = {}) => resolvePackages({ ...request, ...more }, access.metadata, new WorldFacts(world));
    expect((await resolve({ inputsOf: inputsOf() })).packages).toHaveLength(1);
    expect((await errorOf(resolve({ inputsOf: inputsOf("gpu=true") }))).code).toBe("solver/no-solution");
    // Without inputs everything is kept.
    expect((await errorOf(resolve())).code).toBe("solver/no-solution");
  }, 60_000);

  test("only what the conditions want is placed, rendered, recorded and submitted", async () => {
    await there.install("rise/app", { release: "plain" });
    expect((await there.lab.census("plain")).submitted).toEqual([
      "Function/rise.words.english.load",
      "Function/rise.words.swedish.load",
      "Function/run",
    ]);
    const context = there.context();
    const prepared = await there.prepare("rise/app", { release: "fast", set: ["gpu=true"], context });
    expect(prepared.plan.packages.map(({ name, version }) => `${name}@${version}`)).toContain("rise/gpu-tools@1.1.0");
    await there.install("rise/app", { release: "fast", set: ["gpu=true"], context });
    expect((await there.lab.census("fast")).submitted).toContain("Function/rise.gpu-tools.warm");
  }, 60_000);

  test("instances are told apart in the plan, the record and the status, and go together", async () => {
    const context = there.context();
    const { plan, packages } = await there.prepare("rise/app", { release: "pair", context });
    expect(plan.packages.map(({ name, instance, inputs }) => [name, instance, inputs])).toEqual([
      ["rise/words", "english", { lang: "en" }],
      ["rise/words", "swedish", { lang: "sv" }],
      ["rise/app", undefined, { gpu: false }],
    ]);
    // One tree, placed once.
    expect(packages.map(({ variant }) => variant.manifest.name as string)).toEqual(["rise/words", "rise/app"]);
    expect(new Set(plan.packages.map(({ tree }) => tree)).size).toBe(2);
    const saved = JSON.stringify(formatPlanFile({ plan, source: "rise/app" }));
    expect(parsePlanFile(saved, "p").saved.plan).toEqual(plan);
    await there.install("rise/app", { release: "pair", context });
    const { revision, resources } = await readReleaseStatus("pair", context);
    expect(revision.record.packages.map(({ name, instance }) => [name, instance])).toEqual([
      ["rise/words", "english"],
      ["rise/words", "swedish"],
      ["rise/app", undefined],
    ]);
    expect(resources.map(({ name, instance, state }) => [name, instance, state.state])).toEqual([
      ["rise.words.english.load", "english", "waiting"],
      ["rise.words.swedish.load", "swedish", "waiting"],
      ["run", undefined, "waiting"],
    ]);
    await there.lab.uninstall("pair");
    expect(await there.lab.census("pair")).toMatchObject(nothing);
  }, 60_000);

  test("what a client that died left is taken over instance by instance", async () => {
    const context = there.context();
    const installed = await there.install("rise/app", { release: "heir", context });
    const name = "cpm.heir.v1";
    const { client } = there.lab.colony;
    const blueprint = await client.blueprints.get(name);
    if (blueprint === undefined) throw new Error("the revision is there");
    // As a client leaves it that dies after the first of the two instances.
    const lost = installed.created.filter((entry) => entry.name !== "rise.words.english.load");
    for (const { id } of lost) await client.processes.remove(id);
    const created = installed.created.filter((entry) => !lost.includes(entry));
    await client.blueprints.setStatus(name, {
      ...blueprint.status,
      phase: "pending-install",
      created: JSON.parse(JSON.stringify(created)),
    });
    const again = await there.install("rise/app", { release: "heir", context });
    expect(again.revision).toBe(2);
    const kept = again.created.find((entry) => entry.name === "rise.words.english.load");
    expect(kept?.id).toBe(created[0]?.id);
    expect((await there.lab.census("heir")).live).toEqual([
      "Function/rise.words.english.load",
      "Function/rise.words.swedish.load",
      "Function/run",
    ]);
    await there.lab.uninstall("heir");
    expect(await there.lab.census("heir")).toMatchObject(nothing);
  }, 60_000);

  test("a lockfile keeps what is conditional, with its condition, and is current for every choice of inputs", async () => {
    const { universe } = there;
    const root = universe.sketch("me/project", "0.1.0", {
      more: `inputs: [{key: gpu, type: bool, default: false}]
dependencies:
  rise/gpu-tools: {version: "~1.0", when: "\${inputs.gpu}"}
  rise/words: [{version: ^1, alias: english, with: {lang: en}}, {version: "*", alias: other, with: {lang: fi}}]`,
    });
    const { lock } = await lockProject({ project: readProject(root) }, universe.access({ cache: "locks" }), world);
    writeProjectLock(root, lock);
    expect(lock.packages.map(({ name, version }) => `${name}@${version.text}`)).toEqual([
      "rise/gpu-tools@1.0.0",
      "rise/words@1.0.0",
    ]);
    expect(requireCurrentLock(readProject(root))).toEqual(lock);
    expect(treeOf(lock).map(({ name, range, alias, when }) => [name, range, alias, when])).toEqual([
      ["rise/gpu-tools", "~1.0", undefined, "${inputs.gpu}"],
      ["rise/words", "^1", "english", undefined],
      ["rise/words", "*", "other", undefined],
    ]);
    for (const set of [[], ["gpu=true"]]) {
      const { plan } = await there.prepare(root, { set });
      const found = plan.packages.some(({ name }) => name === "rise/gpu-tools");
      expect(found).toBe(set.length > 0);
    }
  }, 60_000);

  test("a second entry for a package that is not multi-instance is refused when it is locked", async () => {
    const root = there.universe.sketch("me/twice", "0.1.0", {
      more: "dependencies: {rise/gpu-tools: [{version: ^1, alias: a}, {version: ^1, alias: b}]}",
    });
    const error = await errorOf(
      lockProject({ project: readProject(root) }, there.universe.access({ cache: "twice" }), world),
    );
    expect([error.code, error.hint]).toEqual([
      "package/single-instance",
      expect.stringContaining("multiInstance: true"),
    ]);
  });
});
