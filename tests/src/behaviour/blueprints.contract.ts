import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject } from "./wire.ts";

/** Definitions and blueprints. */
export function describeBlueprints(behaviour: Behaviour): void {
  const { unique, as, user, owner, newWorker, assign, refused } = behaviour;

  describe("blueprints", () => {
    const define = async (fields: JsonObject = {}): Promise<string> => {
      const kind = unique("Kind");
      const definition = {
        kind: "BlueprintDefinition",
        metadata: { name: `${kind}s`, colonyname: behaviour.colony.colonyName },
        spec: { names: { kind }, handler: { executorType: "", functionName: "" }, ...fields },
      };
      expect((await owner("addblueprintdefinitionmsg", { blueprintdefinition: definition })).message).toBe("");
      return kind;
    };
    const blueprintOf = (kind: string, name: string, spec: JsonObject = {}, fields: JsonObject = {}): JsonObject => ({
      blueprint: { kind, metadata: { name, colonyname: behaviour.colony.colonyName, generation: 1 }, spec, ...fields },
    });

    test("need a definition, which the owner adds once", async () => {
      const kind = await define();
      const again = {
        kind: "BlueprintDefinition",
        metadata: { name: `${kind}s`, colonyname: behaviour.colony.colonyName },
        spec: { names: { kind } },
      };
      refused(
        await user("addblueprintdefinitionmsg", { blueprintdefinition: again }),
        403,
        "Access denied, not colony owner",
      );
      expect((await owner("addblueprintdefinitionmsg", { blueprintdefinition: again })).message).toContain(
        "duplicate key value",
      );
      refused(
        await user("addblueprintmsg", blueprintOf("Nope", unique("b"))),
        400,
        `BlueprintDefinition for kind 'Nope' not found in namespace '${behaviour.colony.colonyName}'`,
      );
    });

    test("have names that are unique over all kinds", async () => {
      const [first, second] = [await define(), await define()];
      const name = unique("b");
      expect((await user("addblueprintmsg", blueprintOf(first, name))).status).toBe(200);
      refused(
        await user("addblueprintmsg", blueprintOf(second, name)),
        409,
        `blueprint with name '${name}' already exists in colony '${behaviour.colony.colonyName}'`,
      );
    });

    test("of 12 that add one name exactly one wins", async () => {
      const kind = await define();
      const name = unique("b");
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => user("addblueprintmsg", blueprintOf(kind, name))),
      );
      expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    });

    test("are checked against their schema", async () => {
      const schema = {
        type: "object",
        properties: {
          release: { type: "string" },
          phase: { type: "string", enum: ["a", "b"] },
          count: { type: "integer" },
        },
        required: ["release"],
      };
      const kind = await define({ schema });
      const add = (spec: JsonObject) => user("addblueprintmsg", blueprintOf(kind, unique("b"), spec));
      refused(await add({}), 400, "blueprint validation failed: required field 'release' is missing");
      refused(
        await add({ release: 5 }),
        400,
        "blueprint validation failed: field 'release' must be a string, got float64",
      );
      refused(
        await add({ release: "x", phase: "z" }),
        400,
        "blueprint validation failed: field 'phase' must be one of [a b], got z",
      );
      expect((await add({ release: "x", count: "no integer" })).status).toBe(200);
    });

    test("are not found under another name", async () => {
      refused(
        await user("getblueprintmsg", { namespace: behaviour.colony.colonyName, name: "none" }),
        404,
        "Blueprint not found",
      );
    });

    test("are listed by kind and by name, and null when there are none", async () => {
      const kind = await define();
      const list = () => user("getblueprintsmsg", { namespace: behaviour.colony.colonyName, kind, locationname: "" });
      expect((await list()).content).toBeNull();
      for (const name of ["z", "a", "m"]) await user("addblueprintmsg", blueprintOf(kind, `${kind}.${name}`));
      expect(asList((await list()).content).map((row) => asObject(row["metadata"])["name"])).toEqual([
        `${kind}.a`,
        `${kind}.m`,
        `${kind}.z`,
      ]);
    });

    test("take a status from members, which replaces the last one", async () => {
      const kind = await define();
      const name = unique("b");
      await user("addblueprintmsg", blueprintOf(kind, name, { x: 1 }));
      const set = (status: JsonObject) => user("updateblueprintstatusmsg", { blueprintname: name, status });
      expect((await set({ phase: "one", extra: true })).content).toEqual({});
      await set({ phase: "two" });
      const row = asObject((await user("getblueprintmsg", { namespace: behaviour.colony.colonyName, name })).content);
      expect([row["status"], asObject(row["metadata"])["generation"]]).toEqual([{ phase: "two" }, 1]);
      expect((await owner("updateblueprintstatusmsg", { blueprintname: name, status: {} })).status).toBe(403);
    });

    test("count generations when their spec changes, and lose their status with an update", async () => {
      const kind = await define();
      const name = unique("b");
      await user("addblueprintmsg", blueprintOf(kind, name, { x: 1 }, { status: { phase: "one" } }));
      const update = async (spec: JsonObject) =>
        asObject(
          (await user("updateblueprintmsg", { ...blueprintOf(kind, name, spec), forcegeneration: false })).content,
        );
      expect(asObject((await update({ x: 1 }))["metadata"])["generation"]).toBe(1);
      const changed = await update({ x: 2 });
      expect([asObject(changed["metadata"])["generation"], changed["status"] ?? null]).toEqual([2, null]);
    });

    test("remember their changes until they are removed", async () => {
      const kind = await define();
      const name = unique("b");
      const { blueprintid } = asObject((await user("addblueprintmsg", blueprintOf(kind, name, { x: 1 }))).content);
      await user("updateblueprintmsg", { ...blueprintOf(kind, name, { x: 2 }), forcegeneration: false });
      const history = asList(
        (await user("getblueprinthistorymsg", { blueprintid: blueprintid ?? "", limit: 0 })).content,
      );
      expect(history.map((row) => [row["changetype"], row["generation"]])).toEqual([
        ["update", 2],
        ["create", 1],
      ]);
      expect((await user("removeblueprintmsg", { namespace: behaviour.colony.colonyName, name })).content).toEqual({});
      expect((await user("getblueprinthistorymsg", { blueprintid: blueprintid ?? "", limit: 0 })).status).toBe(404);
    });

    test("that do not exist are not found by any call", async () => {
      const namespace = behaviour.colony.colonyName;
      refused(await user("removeblueprintmsg", { namespace, name: "none" }), 404, "Blueprint not found");
      refused(
        await user("updateblueprintstatusmsg", { blueprintname: "none", status: {} }),
        404,
        "Blueprint not found",
      );
      refused(await user("getblueprintdefinitionmsg", { name: "none" }), 404, "Blueprint definition not found");
      expect((await user("getblueprinthistorymsg", { blueprintid: "0".repeat(64), limit: 0 })).status).toBe(404);
    });

    test("are for members and the owner", async () => {
      const namespace = behaviour.colony.colonyName;
      expect((await owner("getblueprintsmsg", { namespace, kind: "", locationname: "" })).status).toBe(200);
      const stranger = await as(Identity.generate())("getblueprintsmsg", { namespace, kind: "", locationname: "" });
      expect(stranger.status).toBe(403);
    });

    test("grow by force, and keep their id", async () => {
      const kind = await define();
      const name = unique("b");
      const first = asObject((await user("addblueprintmsg", blueprintOf(kind, name, { x: 1 }))).content);
      const forced = { ...blueprintOf(kind, name, { x: 1 }), forcegeneration: true };
      const second = asObject((await user("updateblueprintmsg", forced)).content);
      expect([second["blueprintid"], asObject(second["metadata"])["generation"]]).toEqual([first["blueprintid"], 2]);
    });

    test("tell as much of their history as is asked for", async () => {
      const kind = await define();
      const name = unique("b");
      const { blueprintid = "" } = asObject((await user("addblueprintmsg", blueprintOf(kind, name, { x: 1 }))).content);
      for (const x of [2, 3]) {
        await user("updateblueprintmsg", { ...blueprintOf(kind, name, { x }), forcegeneration: false });
      }
      const history = asList((await user("getblueprinthistorymsg", { blueprintid, limit: 2 })).content);
      expect(history.map((row) => row["generation"])).toEqual([3, 2]);
    });

    test.each<[string, JsonObject, JsonValue, string]>([
      ["a number", { type: "number" }, "x", "field 'f' must be a number, got string"],
      ["a boolean", { type: "boolean" }, 1, "field 'f' must be a boolean, got float64"],
      ["a list", { type: "array" }, {}, "field 'f' must be an array, got map[string]interface {}"],
      ["an object", { type: "object" }, [], "field 'f' must be an object, got []interface {}"],
    ])("with a field that is not %s are refused", async (_, property, value, message) => {
      const kind = await define({ schema: { type: "object", properties: { f: property } } });
      refused(
        await user("addblueprintmsg", blueprintOf(kind, unique("b"), { f: value })),
        400,
        `blueprint validation failed: ${message}`,
      );
    });

    test("may hold what their schema does not name, and lack what it would default", async () => {
      const kind = await define({ schema: { type: "object", properties: { f: { type: "string", default: "d" } } } });
      const added = asObject((await user("addblueprintmsg", blueprintOf(kind, unique("b"), { other: 1 }))).content);
      expect(added["spec"]).toEqual({ other: 1 });
    });

    test("hold their definition", async () => {
      const kind = await define();
      const name = unique("b");
      await user("addblueprintmsg", blueprintOf(kind, name));
      const remove = () =>
        owner("removeblueprintdefinitionmsg", { namespace: behaviour.colony.colonyName, name: `${kind}s` });
      refused(
        await remove(),
        409,
        `cannot remove BlueprintDefinition '${kind}s': 1 blueprint(s) of kind '${kind}' still exist`,
      );
      await user("removeblueprintmsg", { namespace: behaviour.colony.colonyName, name });
      expect((await remove()).content).toEqual({});
    });

    test("with a handler start a process for it, and a cron", async () => {
      const { identity, type } = await newWorker();
      const kind = await define({ handler: { executorType: type, functionName: "reconcile" } });
      const name = unique("b");
      await user("addblueprintmsg", blueprintOf(kind, name));
      const given = asObject((await assign(identity)).content);
      const spec = asObject(given["spec"]);
      expect([spec["funcname"], asObject(spec["kwargs"])["kind"], asObject(spec["kwargs"])["blueprintName"]]).toEqual([
        "reconcile",
        kind,
        name,
      ]);
      const crons = asList((await user("getcronsmsg", { count: 1000 })).content);
      expect(crons.map((cron) => cron["name"])).toContain(`reconcile-${kind}`);
      await user("removeblueprintmsg", { namespace: behaviour.colony.colonyName, name });
      expect(asObject(asObject((await assign(identity)).content)["spec"])["funcname"]).toBe("cleanup");
    });

    test("without a handler cannot be reconciled", async () => {
      const kind = await define();
      const name = unique("b");
      await user("addblueprintmsg", blueprintOf(kind, name));
      refused(
        await user("reconcileblueprintmsg", { namespace: behaviour.colony.colonyName, name, force: false }),
        400,
        "Blueprint has no handler with executor type defined",
      );
    });

    test("may be large", async () => {
      const kind = await define();
      const name = unique("b");
      const text = "x".repeat(1_000_000);
      await user("addblueprintmsg", blueprintOf(kind, name, { text }));
      expect(
        asObject(
          asObject((await user("getblueprintmsg", { namespace: behaviour.colony.colonyName, name })).content)["spec"],
        )["text"],
      ).toBe(text);
    });
  });
}
