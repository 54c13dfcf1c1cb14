import { afterAll, beforeAll, expect, test } from "bun:test";
import { assertSamePlan, collectPackages, parsePackageSource, ReleaseBook, uninstallRelease } from "@cpm/operations";
import type { World } from "@cpm/operations";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import { errorOf } from "../operations/lab.ts";
import { Installation } from "./installation.ts";

const gpuExecutor = "gpu-executor";

describeOnColonies("the colony as facts", (start) => {
  let there: Installation;
  beforeAll(async () => {
    there = await Installation.open(start);
    const { universe } = there;
    await there.addExecutor("gpu-1", gpuExecutor, {
      nodes: 1,
      mem: "32768Mi",
      architecture: "amd64",
      gpu: { name: "a100", count: 2, mem: "40960Mi" },
    });
    for (const version of ["1.4.0", "2.0.0"]) await universe.publish("rise/base", version);
    await universe.publish("rise/web", "1.0.0", { requires: '{releases: {rise/base: ">=1 <2"}}' });
    await universe.publish("rise/web", "2.0.0", { requires: '{releases: {rise/base: ">=2"}}' });
    await universe.publish("rise/alone", "1.0.0", { requires: '{absent: {rise/base: "<2"}}' });
    await universe.publish("rise/above", "1.0.0", { dependencies: { "rise/web": "^2" } });
    await there.install("rise/base@1.4.0", { release: "base" });
  }, 300_000);
  afterAll(async () => there?.close());

  test("a package requires what another release has, and an older version of it will do", async () => {
    const { plan } = await there.prepare("rise/web");
    expect(plan.packages.map(({ name, version }) => `${name}@${version}`)).toEqual(["rise/web@1.0.0"]);
    for (const text of ["rise/web@2.0.0", "rise/web@^2"]) {
      const error = await errorOf(there.prepare(text));
      expect(error.code).toBe("solver/no-solution");
      expect(error.message).toContain("an installed rise/base >=2");
      expect(error.message).toContain('release "base" has rise/base 1.4.0');
    }
    const deep = await errorOf(there.prepare("rise/above"));
    expect(deep.message).toContain(
      'rise/web >=2.0.0 needs an installed rise/base >=2 but release "base" has rise/base 1.4.0',
    );
    expect((await there.prepare("rise/web@2.0.0", { skipRequirements: true })).plan.packages).toHaveLength(1);
  }, 60_000);

  test("a package that may not stand beside another says which release has it", async () => {
    const error = await errorOf(there.prepare("rise/alone@^1"));
    expect(error.code).toBe("solver/no-solution");
    expect(error.message).toContain('a colony without rise/base <2 but release "base" has rise/base 1.4.0');
  }, 60_000);

  test("what an installed release requires is not uninstalled, and the release is named", async () => {
    await there.install("rise/web@1.0.0", { release: "site" });
    const error = await errorOf(there.lab.uninstall("base"));
    expect(error.code).toBe("release/needed");
    expect(error.message).toContain('release "site" requires an installed rise/base >=1 <2');
    expect(error.message).toContain('without "base" no release in the colony has rise/base');
    expect(error.hint).toContain("--skip-requirements");
    // A third release that has it too will do.
    await there.install("rise/base@1.4.0", { release: "spare" });
    await there.lab.uninstall("base");
    const forced = { release: "spare", purge: false, skipRequirements: true, silenceMs: 1 };
    expect((await errorOf(there.lab.uninstall("spare"))).code).toBe("release/needed");
    await uninstallRelease(forced, there.context(), () => {});
    await there.lab.uninstall("site");
    await there.install("rise/base@1.4.0", { release: "base" });
  }, 60_000);

  test("a release whose place is taken must go on to have what others require of it", async () => {
    await there.install("rise/web@1.0.0", { release: "site" });
    const releases = (await new ReleaseBook(there.context().client, there.context().clock).read()).revisions;
    const world: World = {
      cpmVersion: "0.1.0",
      platform: "linux/amd64",
      colony: { executors: [], releases },
      replaces: "base",
    };
    const collect = (text: string) =>
      collectPackages(parsePackageSource(text), there.universe.access({ cache: "upgrade" }), { world });
    const newest = await collect("rise/base");
    expect(newest.map(({ variant }) => variant.manifest.version.text)).toEqual(["1.4.0"]);
    const error = await errorOf(collect("rise/base@^2"));
    expect(error.code).toBe("solver/no-solution");
    expect(error.message).toContain('release "site" requires rise/base >=1 <2');
    expect(await errorOf(collect("rise/base@2.0.0"))).toMatchObject({
      code: "release/needed",
      message: 'release "site" requires an installed rise/base >=1 <2, which would be 2.0.0',
    });
    await there.lab.uninstall("site");
  }, 60_000);

  test("an installed release keeps out what may not stand beside it", async () => {
    const { universe } = there;
    await universe.publish("rise/jealous", "1.0.0", { requires: '{absent: {rise/rival: "*"}}' });
    await universe.publish("rise/rival", "1.0.0");
    await there.install("rise/jealous", { release: "jealous" });
    for (const text of ["rise/rival", "rise/rival@1.0.0"]) {
      const error = await errorOf(there.prepare(text));
      expect(error.code).toBe("solver/no-solution");
      expect(error.message).toContain('release "jealous" may not stand beside rise/rival');
    }
    await there.lab.uninstall("jealous");
    expect((await there.prepare("rise/rival")).plan.packages).toHaveLength(1);
  }, 60_000);

  test("executors with their architectures, GPUs and memory are explained as they report themselves", async () => {
    const { universe } = there;
    const publish = (version: string, asks: string) =>
      universe.publish("rise/job", version, { requires: `{executors: [{type: ${gpuExecutor}, ${asks}}]}` });
    await publish("1.0.0", "gpu: {count: 2, name: A100, memory: 40Gi}, memory: 32Gi, arch: [amd64]");
    await publish("2.0.0", "gpu: {count: 4}");
    await publish("3.0.0", "memory: 64Gi");
    await publish("4.0.0", "arch: [arm64]");
    const chosen = async (text: string) => (await there.prepare(text)).plan.packages[0]?.version;
    expect(await chosen("rise/job")).toBe("1.0.0");
    const has = "those of the type have 2 a100 GPUs, 32768Mi, amd64";
    const lacking: readonly (readonly [range: string, what: string])[] = [
      ["^2", `executor ${gpuExecutor} with 4 GPUs but ${has}`],
      ["^3", `executor ${gpuExecutor} with 64Gi of memory but ${has}`],
      ["^4", `executor ${gpuExecutor} on arm64 but those of the type run on amd64`],
    ];
    for (const [range, what] of lacking) {
      const error = await errorOf(there.prepare(`rise/job@${range}`));
      expect(error.code).toBe("colony/missing-executor");
      expect(error.message).toContain(what);
    }
    // The same of a version that is named exactly.
    expect((await errorOf(there.prepare("rise/job@2.0.0"))).message).toBe(
      `executor ${gpuExecutor} with 4 GPUs is missing: ${has}`,
    );
  }, 60_000);

  test("the platform of the node and the version of cpm are facts too", async () => {
    const { universe } = there;
    const files = { "bin/tool": "x" };
    await universe.publish("rise/native", "1.0.0", { more: "payload: [{include: [bin/**]}]", files });
    await universe.publish("rise/native", "2.0.0", {
      more: "payload: [{include: [bin/**], platform: linux/arm64}]",
      files,
    });
    await universe.publish("rise/future", "1.0.0", { requires: '{cpm: ">=99"}' });
    const chosen = async (platform: string) =>
      (await there.prepare("rise/native", { platform })).plan.packages[0]?.version;
    expect([await chosen("linux/amd64"), await chosen("linux/arm64")]).toEqual(["1.0.0", "2.0.0"]);
    const error = await errorOf(there.prepare("rise/native@^2"));
    expect(error.code).toBe("package/no-platform");
    expect(error.message).toContain("rise/native >=2.0.0 needs a node of linux/arm64 but this node is linux/amd64");
    expect((await errorOf(there.prepare("rise/future"))).message).toContain("needs cpm >=99 but cpm is 0.1.0");
  }, 60_000);

  test("the version of ColonyOS is compared where it is told, and left unchecked where it is not", async () => {
    await there.universe.publish("rise/modern", "1.0.0", { requires: '{colonyos: ">=2"}' });
    const { plan } = await there.prepare("rise/modern");
    expect(plan.requirements).toMatchObject([{ result: "unchecked", detail: "the server does not tell its version" }]);
    const error = await errorOf(there.prepare("rise/modern@^1", { colonyosVersion: "1.9.12" }));
    expect(error.message).toContain("needs ColonyOS >=2 but ColonyOS is 1.9.12");
    expect(await errorOf(there.prepare("rise/modern@1.0.0", { colonyosVersion: "1.9.12" }))).toMatchObject({
      code: "colony/wrong-version",
      message: "ColonyOS >=2 for rise/modern is missing: the colony runs ColonyOS 1.9.12",
    });
    expect((await there.prepare("rise/modern", { colonyosVersion: "2.1.0" })).plan.requirements[0]?.result).toBe("met");
  }, 60_000);

  test("a saved plan is carried out only while the executors that it needs are there", async () => {
    const { universe } = there;
    await there.addExecutor("brief-1", "brief", {});
    await universe.publish("rise/helper", "1.0.0", { requires: "{executors: [{type: brief}]}" });
    await universe.publish("rise/task", "1.0.0", { dependencies: { "rise/helper": "^1" } });
    const { plan } = await there.prepare("rise/task");
    // Newer versions do not touch a plan.
    await universe.publish("rise/helper", "1.1.0");
    const again = await there.prepare("rise/task@1.0.0", { planned: plan });
    assertSamePlan(plan, again.plan);
    await there.removeExecutor("brief-1");
    const error = await errorOf(there.prepare("rise/task@1.0.0", { planned: plan }));
    expect(error.code).toBe("colony/missing-executor");
    expect(error.message).toContain("executor brief");
    // What it was made without is not asked for again.
    const bold = await there.prepare("rise/helper@1.0.0", { skipRequirements: true });
    assertSamePlan(bold.plan, (await there.prepare("rise/helper@1.0.0", { planned: bold.plan })).plan);
  }, 60_000);
});
