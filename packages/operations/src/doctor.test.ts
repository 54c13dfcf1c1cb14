import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CpmError } from "@cpm/base";
import { ColoniesClient, Identity } from "@cpm/colonies";
import { examine } from "./doctor.ts";
import type { CheckResult, DoctorTarget } from "./doctor.ts";
import { initColony } from "./release/colony-init.ts";
import { startSmallColony } from "./testing/colony.ts";
import type { SmallColony } from "./testing/colony.ts";
import { Scratch } from "./testing/packages.ts";

const scratch = new Scratch();
let colony: SmallColony;
beforeAll(async () => {
  colony = await startSmallColony();
});
afterAll(async () => {
  await colony?.stop();
  scratch.remove();
});

const registry: NonNullable<DoctorTarget["registry"]> = {
  registry: "registry.test",
  ping: async () => {},
  searchPackages: async () => ({ total: 0, results: [] }),
};

async function check(name: string, target: Partial<DoctorTarget>): Promise<CheckResult> {
  const results = await examine({
    packagesRoot: scratch.fresh("packages"),
    credentialFile: scratch.fresh("none"),
    ...target,
  });
  for (const result of results)
    expect([result.name, result.level === "ok" || (result.fix ?? "") !== ""]).toEqual([result.name, true]);
  const found = results.find((result) => result.name === name);
  if (found === undefined)
    throw new Error(`there is no check "${name}"; there are ${results.map((entry) => entry.name).join()}`);
  return found;
}

describe("the doctor", () => {
  test("finds a machine, a registry and a colony that are well", async () => {
    await initColony(colony.owner);
    const worker = Identity.generate();
    await colony.owner.executors.add({ id: worker.id, name: "w-1", type: "worker" });
    await colony.owner.executors.approve("w-1");
    const credentialFile = scratch.fresh("credentials");
    writeFileSync(credentialFile, "{}", { mode: 0o600 });
    const target = { packagesRoot: scratch.fresh("packages"), credentialFile, registry, colony: colony.client };
    const results = await examine(target);
    expect(results.map(({ name, level }) => `${name}: ${level}`)).toEqual([
      "packages directory: ok",
      "credential file: ok",
      "registry: ok",
      "ColonyOS server: ok",
      "colony membership: ok",
      "releases: ok",
      "executors: ok",
    ]);
    expect(results.at(-1)?.detail).toBe("1 approved: worker");
  });

  test("says what to configure where nothing is", async () => {
    expect(await check("registry", {})).toMatchObject({
      level: "warning",
      fix: expect.stringContaining("CPM_REGISTRY"),
    });
    expect(await check("colony", {})).toMatchObject({
      level: "warning",
      fix: expect.stringContaining("COLONIES_PRVKEY"),
    });
  });

  test("says what is wrong with the packages directory", async () => {
    const file = scratch.fresh("file");
    writeFileSync(file, "x");
    expect(await check("packages directory", { packagesRoot: join(file, "below") })).toMatchObject({ level: "failed" });
    const newer = scratch.fresh("newer");
    mkdirSync(newer);
    writeFileSync(join(newer, "VERSION"), "99\n");
    expect(await check("packages directory", { packagesRoot: newer })).toMatchObject({
      level: "failed",
      detail: expect.stringContaining("layout version 99"),
    });
  });

  test("says who can read the credentials, and bears what stands in their place", async () => {
    const open = scratch.fresh("open");
    writeFileSync(open, "{}");
    chmodSync(open, 0o644);
    expect(await check("credential file", { credentialFile: open })).toMatchObject({
      level: "failed",
      fix: `chmod 600 ${open}`,
    });
    expect(await check("credential file", { credentialFile: join(open, "below") })).toMatchObject({ level: "failed" });
  });

  test("tells a registry that does not answer from one without an index", async () => {
    const failing = (code: string, at: "ping" | "searchPackages"): NonNullable<DoctorTarget["registry"]> => ({
      ...registry,
      [at]: async () => {
        throw new CpmError(code, "unavailable", "no");
      },
    });
    expect(await check("registry", { registry: failing("registry/unreachable", "ping") })).toMatchObject({
      level: "failed",
      fix: "Check that it runs, and CPM_REGISTRY.",
    });
    expect(await check("registry", { registry: failing("registry/no-index", "searchPackages") })).toMatchObject({
      level: "warning",
      detail: "registry.test has no package index",
    });
    expect(await check("registry", { registry: failing("registry/broken", "searchPackages") })).toMatchObject({
      level: "failed",
    });
  });

  test("stops at the first thing about the colony that fails", async () => {
    const nowhere = new ColoniesClient({
      endpoint: "http://127.0.0.1:1",
      colonyName: "dev",
      identity: Identity.generate(),
    });
    expect(await check("ColonyOS server", { colony: nowhere })).toMatchObject({ level: "failed" });
    const keyless = new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev" });
    expect(await check("colony membership", { colony: keyless })).toMatchObject({
      level: "failed",
      fix: "Set COLONIES_PRVKEY to your user's key.",
    });
    expect(await check("colony membership", { colony: colony.stranger })).toMatchObject({ level: "failed" });
    const results = await examine({
      packagesRoot: scratch.fresh("packages"),
      credentialFile: scratch.fresh("none"),
      colony: colony.stranger,
    });
    expect(results.at(-1)?.name).toBe("colony membership");
  });

  test("says what a new colony lacks", async () => {
    const fresh = await startSmallColony();
    try {
      expect(await check("releases", { colony: fresh.client })).toMatchObject({
        level: "warning",
        fix: expect.stringContaining("cpm colony init"),
      });
      expect(await check("executors", { colony: fresh.client })).toMatchObject({
        level: "warning",
        detail: "none is approved",
      });
      const names = { kind: "CpmRelease", listKind: "L", singular: "s", plural: "cpmreleases" };
      const handler = { executorType: "x", functionName: "y" };
      await fresh.owner.blueprints.addDefinition("cpmreleases", {
        group: "g",
        version: "v1",
        names,
        scope: "Namespaced",
        handler,
      });
      expect(await check("releases", { colony: fresh.client })).toMatchObject({
        level: "failed",
        detail: 'the colony has another blueprint definition "cpmreleases"',
      });
    } finally {
      await fresh.stop();
    }
  });
});
