import { afterAll, beforeAll, expect, test } from "bun:test";
import { startSmallColony } from "../testing/colony.ts";
import type { SmallColony } from "../testing/colony.ts";
import { faultOf } from "../testing/packages.ts";
import { initColony, isColonyPrepared } from "./colony-init.ts";

let colony: SmallColony;
beforeAll(async () => {
  colony = await startSmallColony();
});
afterAll(async () => colony?.stop());

test("a colony is prepared once, by its owner, and by nobody else", async () => {
  expect(await isColonyPrepared(colony.client)).toBe(false);
  for (const other of [colony.client, colony.stranger]) {
    const fault = await faultOf(() => initColony(other));
    expect([fault.code, fault.hint]).toEqual(["colony/needs-owner", expect.stringContaining("COLONIES_COLONY_PRVKEY")]);
  }
  expect(await isColonyPrepared(colony.client)).toBe(false);
  const both = await Promise.all([initColony(colony.owner), initColony(colony.owner)]);
  expect(both.filter(Boolean)).toHaveLength(1);
  expect(await isColonyPrepared(colony.client)).toBe(true);
  expect(await initColony(colony.owner)).toBe(false);
});

test("a colony that uses the name for something else is told about both", async () => {
  const other = await startSmallColony();
  try {
    const names = { kind: "CpmRelease", listKind: "L", singular: "s", plural: "cpmreleases" };
    const handler = { executorType: "reconciler", functionName: "reconcile" };
    await other.owner.blueprints.addDefinition("cpmreleases", {
      group: "g",
      version: "v1",
      names,
      scope: "Namespaced",
      handler,
    });
    for (const run of [() => initColony(other.owner), () => isColonyPrepared(other.client)]) {
      const fault = await faultOf(run);
      expect([fault.code, fault.message]).toEqual([
        "colony/definition-differs",
        'the colony has another blueprint definition "cpmreleases"',
      ]);
    }
  } finally {
    await other.stop();
  }
});
