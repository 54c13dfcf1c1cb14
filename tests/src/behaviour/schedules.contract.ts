import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@cpm/base";
import { states, until } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asObject, textOf } from "./wire.ts";

/** Crons and generators. */
export function describeSchedules(behaviour: Behaviour): void {
  const { unique, user, newWorker, assign, node, refused } = behaviour;

  describe("crons", () => {
    const workflowspec = (type: string) =>
      JSON.stringify({ colonyname: behaviour.colony.colonyName, functionspecs: [node(type, "a")] });
    const cronOf = (fields: JsonObject = {}): JsonObject => ({
      cron: {
        colonyname: behaviour.colony.colonyName,
        name: unique("cron"),
        cronexpression: "0 0 3 * * *",
        interval: -1,
        random: false,
        waitforprevprocessgraph: false,
        workflowspec: workflowspec("t"),
        ...fields,
      },
    });

    test("get their next run from the clockwork", async () => {
      const cron = asObject((await user("addcronmsg", cronOf())).content);
      expect([cron["nextrun"], cron["lastrun"]].map((time) => textOf(time).slice(0, 4))).toEqual(["0001", "0001"]);
      const read = async () => asObject((await user("getcronmsg", { cronid: cron["cronid"] ?? "" })).content);
      const scheduled = await until(read, (row) => !textOf(row["nextrun"]).startsWith("0001"));
      expect(textOf(scheduled["nextrun"])).toContain("T03:00:00");
    });

    test("have six fields", async () => {
      refused(
        await user("addcronmsg", cronOf({ cronexpression: "* * * * *" })),
        400,
        "expected exactly 6 fields, found 5: [* * * * *]",
      );
    });

    test("take descriptors", async () =>
      expect((await user("addcronmsg", cronOf({ cronexpression: "@hourly" }))).status).toBe(200));

    test("refuse an interval of zero", async () => {
      refused(
        await user("addcronmsg", cronOf({ interval: 0 })),
        400,
        "Cron interval must be -1 (disabled) or larger than 0",
      );
    });

    test("that do not exist are not removed", async () => {
      refused(
        await user("removecronmsg", { cronid: "0".repeat(64), all: false }),
        500,
        "Failed to remove cron, cron is nil",
      );
    });

    test("check the dependencies of their workflow", async () => {
      const specs = [node("t", "a", ["nope"])];
      const text = JSON.stringify({ colonyname: behaviour.colony.colonyName, functionspecs: specs });
      expect((await user("addcronmsg", cronOf({ workflowspec: text }))).status).not.toBe(200);
      expect((await user("addcronmsg", cronOf({ workflowspec: "{" }))).status).not.toBe(200);
    });

    test("have unique names", async () => {
      const cron = cronOf();
      await user("addcronmsg", cron);
      const { name } = asObject(cron["cron"]);
      refused(
        await user("addcronmsg", cron),
        400,
        `Cron with name <${textOf(name)}> in Colony <${behaviour.colony.colonyName}> already exists`,
      );
    });

    test("refuse an empty time", async () => {
      const answer = await user("addcronmsg", cronOf({ nextrun: "" }));
      expect([answer.status, answer.message.endsWith("invalid JSON")]).toEqual([400, true]);
    });

    test("run by interval, as their creator", async () => {
      const { identity, type } = await newWorker();
      const cron = asObject(
        (await user("addcronmsg", cronOf({ interval: 1, workflowspec: workflowspec(type) }))).content,
      );
      const given = asObject((await assign(identity, { timeout: 10 })).content);
      expect([given["state"], given["initiatorid"]]).toEqual([states.running, behaviour.colony.user.id]);
      expect((await user("removecronmsg", { cronid: cron["cronid"] ?? "", all: false })).content).toEqual({});
    });

    test("that do not exist are an internal error; lists are lists", async () => {
      refused(await user("getcronmsg", { cronid: "0".repeat(64) }), 500, "Failed to get cron, cron is nil");
      expect(Array.isArray((await user("getcronsmsg", { count: 100 })).content)).toBe(true);
    });
  });

  describe("generators", () => {
    test("start a workflow when enough values were packed", async () => {
      const { identity, type } = await newWorker();
      const workflowspec = JSON.stringify({
        colonyname: behaviour.colony.colonyName,
        functionspecs: [node(type, "a")],
      });
      const fields = {
        colonyname: behaviour.colony.colonyName,
        name: unique("generator"),
        workflowspec,
        trigger: 2,
        timeout: 0,
      };
      const generator = asObject((await user("addgeneratormsg", { generator: fields })).content);
      const generatorid = generator["generatorid"] ?? "";
      expect((await user("addgeneratormsg", { generator: fields })).status).toBe(400);
      for (const arg of ["x", "y"]) expect((await user("packgeneratormsg", { generatorid, arg })).content).toEqual({});
      const given = asObject((await assign(identity, { timeout: 10 })).content);
      expect(asObject(given["spec"])["args"]).toEqual(["x", "y"]);
      expect(asObject((await user("resolvegeneratormsg", { generatorname: fields.name })).content)["generatorid"]).toBe(
        generatorid,
      );
      expect((await user("removegeneratormsg", { generatorid, all: false })).content).toEqual({});
    });

    test("flush fewer values when their time is over", async () => {
      const { identity, type } = await newWorker();
      const generator = {
        colonyname: behaviour.colony.colonyName,
        name: unique("generator"),
        workflowspec: JSON.stringify({
          colonyname: behaviour.colony.colonyName,
          functionspecs: [node(type, "a")],
        }),
        trigger: 10,
        timeout: 1,
      };
      const generatorid = asObject((await user("addgeneratormsg", { generator })).content)["generatorid"] ?? "";
      await user("packgeneratormsg", { generatorid, arg: "only" });
      const given = asObject((await assign(identity, { timeout: 10 })).content);
      expect(asObject(given["spec"])["args"]).toEqual(["only"]);
      await user("removegeneratormsg", { generatorid, all: false });
    });

    test("that do not exist are an internal error", async () => {
      const generatorid = "0".repeat(64);
      refused(
        await user("packgeneratormsg", { generatorid, arg: "x" }),
        500,
        "Failed to increment generator, generator is nil",
      );
      refused(
        await user("removegeneratormsg", { generatorid, all: false }),
        500,
        "Failed to remove generator, generator is nil",
      );
    });
  });
}
