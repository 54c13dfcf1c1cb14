import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Workplace } from "../cli/workplace.ts";
import { openWorkplace } from "../cli/workplace.ts";

let place: Workplace;

beforeAll(async () => {
  place = await openWorkplace();
  const publish = async (name: string, version: string, more: string, files: Readonly<Record<string, string>> = {}) => {
    const folder = `${name.replace("/", "-")}-${version}`;
    place.write(
      `${folder}/colony.yaml`,
      `apiVersion: cpm/v1\nname: ${name}\nversion: ${version}\ndescription: A test.\n${more}`,
    );
    for (const [path, text] of Object.entries(files)) place.write(`${folder}/${path}`, text);
    await run(0, "publish", `./${folder}`);
  };
  const work = "requires: {executors: [{type: w}]}\n";
  const load =
    'kind: Function\nname: load\nspec: {funcname: f, env: {LANG: "${inputs.lang}"}, conditions: {executortype: w}, maxexectime: 9}\n';
  await run(0, "colony", "init", "--json");
  await place.addIdleExecutor("w");
  await publish("rise/gpu-tools", "1.2.0", "");
  await publish("rise/words", "2.1.0", `${work}multiInstance: true\ninputs: [{key: lang, type: string}]\n`, {
    "templates/load.yaml": load,
  });
  await publish(
    "rise/app",
    "1.0.0",
    `inputs: [{key: gpu, type: bool, default: false}]
dependencies:
  rise/gpu-tools: {version: ^1, when: "\${inputs.gpu}"}
  rise/words: [{version: ^2, alias: english, with: {lang: en}}, {version: ">=2", alias: swedish, with: {lang: sv}}]
`,
  );
  await publish("rise/broken", "1.0.0", "dependencies: {rise/words: ^7}\n");
}, 120_000);
afterAll(async () => place?.stop());

/** Runs `cpm`, which must end with this status, and answers what it printed. */
async function run(status: number, ...argv: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const ownerKey = place.owner.identity?.exportPrivateKey() ?? "";
  const env = argv[0] === "colony" ? { COLONIES_COLONY_PRVKEY: ownerKey } : {};
  const end = await place.cpm(argv, { env });
  expect([argv.join(" "), end.status, end.status === status ? "" : end.stderr]).toEqual([argv.join(" "), status, ""]);
  return end;
}

async function json(...argv: readonly string[]): Promise<unknown> {
  return JSON.parse((await run(0, ...argv, "--json")).stdout);
}

test("info shows what a version needs, under which condition and name, and what each comes to now", async () => {
  const { stdout } = await run(0, "info", "rise/app");
  const rows = stdout.split("\n").map((line) => line.trim().split(/ {2,}/));
  expect(rows).toContainEqual(["NEEDS", "RANGE", "AS", "WHEN", "NOW"]);
  expect(rows).toContainEqual(["rise/gpu-tools", "^1", "${inputs.gpu}", "1.2.0"]);
  expect(rows).toContainEqual(["rise/words", "^2", "english", "2.1.0"]);
  expect(await json("info", "rise/app")).toMatchObject({
    dependencies: [
      { name: "rise/gpu-tools", range: "^1", when: "${inputs.gpu}", resolved: { version: "1.2.0" } },
      { name: "rise/words", range: "^2", alias: "english", with: { lang: "en" }, resolved: { version: "2.1.0" } },
      { name: "rise/words", range: ">=2", alias: "swedish", with: { lang: "sv" }, resolved: { version: "2.1.0" } },
    ],
  });
  expect((await run(0, "info", "rise/words")).stdout).toContain("several in one release");
});

test("info shows a package whose dependencies cannot be had, and why", async () => {
  const { stdout } = await run(0, "info", "rise/broken");
  expect(stdout).toContain("not resolved:");
  expect(stdout).toContain("rise/words ^7");
  expect(await json("info", "rise/broken")).toMatchObject({
    dependencies: [{ name: "rise/words", range: "^7" }],
    unresolved: { code: "solver/no-solution" },
  });
});

test("resolve keeps conditional dependencies, and evaluates conditions when inputs are given", async () => {
  const names = async (...argv: string[]) =>
    ((await json("resolve", ...argv)) as readonly { readonly name: string }[]).map(({ name }) => name).toSorted();
  expect(await names("rise/app")).toEqual(["rise/app", "rise/gpu-tools", "rise/words"]);
  expect(await names("rise/app", "--set", "gpu=false")).toEqual(["rise/app", "rise/words"]);
  expect(await names("rise/app", "--set", "gpu=true")).toEqual(["rise/app", "rise/gpu-tools", "rise/words"]);
  expect((await run(2, "resolve", "rise/app", "rise/words", "--set", "gpu=true")).stderr).toContain("several packages");
});

test("lint refuses a condition that cannot be evaluated, with what to write", async () => {
  place.write(
    "wrong/colony.yaml",
    'apiVersion: cpm/v1\nname: me/wrong\nversion: 1.0.0\ndependencies: {rise/words: {version: ^2, when: "${inputs.gpu}"}}\n',
  );
  const { stdout } = await run(2, "lint", "./wrong");
  expect(stdout).toContain("in rise/words when:");
  expect(stdout).toContain('has no field "gpu"');
});

test("plans, trees and status show which instance is which", async () => {
  place.write(
    "project/colony.yaml",
    "apiVersion: cpm/v1\nname: me/project\nversion: 1.0.0\ndependencies: {rise/app: {version: ^1, alias: app}}\n",
  );
  await run(0, "lock", "./project");
  expect((await run(0, "tree", "./project")).stdout.trimEnd().split("\n")).toEqual([
    "rise/app@1.0.0 (^1) as app",
    "├─ rise/gpu-tools@1.2.0 (^1) when ${inputs.gpu}",
    "├─ rise/words@2.1.0 (^2) as english",
    "└─ rise/words@2.1.0 (>=2) as swedish",
  ]);
  const plan = (await run(0, "install", "rise/app", "--dry-run")).stdout;
  expect(plan).toContain("rise/words:english@2.1.0");
  expect(plan).toContain("rise.words.swedish.load");
  expect(plan).not.toContain("gpu-tools");
  await run(0, "install", "rise/app", "--name", "pair");
  const status = (await run(0, "status", "pair")).stdout;
  expect(status.split("\n").map((line) => line.trim().split(/ {2,}/)[2])).toContain("rise/words:english");
  await run(0, "uninstall", "pair");
}, 60_000);

test("apply looks again whether the executors are there, before it creates anything", async () => {
  await run(0, "install", "rise/app", "--name", "later", "--plan", "plan.json");
  for (const { name } of await place.user.executors.list()) await place.owner.executors.remove(name);
  const { stderr } = await run(6, "apply", "plan.json");
  expect(stderr).toContain("colony/missing-executor");
  expect(stderr).toContain("executor w");
  expect(await json("list")).toEqual([]);
  await place.addIdleExecutor("w");
  await run(0, "apply", "plan.json");
  expect(await json("list")).toMatchObject([{ release: "later" }]);
}, 60_000);

test("versions that are too young are left out, by the flag and by what is configured, and the error says so", async () => {
  for (const argv of [["rise/words", "--min-age", "1d"], ["rise/words"]]) {
    const env = argv.includes("--min-age") ? {} : { CPM_MIN_AGE: "1d" };
    const { status, stderr } = await place.cpm(["resolve", ...argv], { env });
    expect([status, stderr]).toEqual([6, expect.stringMatching(/rise\/words 2\.1\.0 fits but is .* old/)]);
  }
  expect((await place.cpm(["resolve", "rise/words", "--min-age", "0s"], { env: { CPM_MIN_AGE: "1d" } })).status).toBe(
    0,
  );
});
