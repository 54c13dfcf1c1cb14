import { afterAll, beforeAll, expect, test } from "bun:test";
import { Identity } from "@cpm/colonies";
import { describeOnColonies } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";

describeOnColonies("where executors may be registered again", (start) => {
  let colony: TestColony;
  beforeAll(async () => {
    colony = await start({ reregister: true });
  }, 300_000);
  afterAll(async () => colony?.stop());

  test("a name goes to another key, which must be approved, and the old one loses its place and its job", async () => {
    const owner = colony.client.as(colony.colonyOwner);
    const old = colony.client.as(await colony.addExecutor("again", "type"));
    await old.executors.addFunction({ name: "f", executorName: "again", executorType: "type" });
    const process = await colony.client.processes.submit({ funcname: "f", conditions: { executortype: "type" } });
    expect((await old.processes.assign())?.id).toBe(process.id);

    const identity = Identity.generate();
    const added = await owner.executors.add({ id: identity.id, name: "again", type: "type" });
    expect([added.id, added.state]).toEqual([identity.id, "pending"]);
    expect((await colony.client.processes.get(process.id)).state).toBe("waiting");
    expect(await colony.client.executors.functions("again")).toEqual([]);
    await expect(old.processes.assign({ waitSeconds: -1 })).rejects.toMatchObject({ code: "colonies/denied" });
    const next = colony.client.as(identity);
    await expect(next.processes.assign({ waitSeconds: -1 })).rejects.toMatchObject({ code: "colonies/denied" });

    await owner.executors.approve("again");
    expect((await next.processes.assign())?.id).toBe(process.id);
    const named = (await colony.client.executors.list()).filter((executor) => executor.name === "again");
    expect(named.map((executor) => executor.id)).toEqual([identity.id]);
  });
});
