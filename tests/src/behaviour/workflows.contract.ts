import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@cpm/base";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, textOf } from "./wire.ts";

/** Graphs of processes. */
export function describeWorkflows(behaviour: Behaviour): void {
  const { unique, user, owner, specOf, newWorker, assign, node, submitWorkflow, membersOf, stateOf, refused } =
    behaviour;

  describe("workflows", () => {
    test("release children when all parents succeeded, with their outputs as input", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a"), node(type, "b"), node(type, "c", ["a", "b"])]);
      expect([
        graph["state"],
        (graph["rootprocessids"] as string[]).length,
        (graph["processids"] as string[]).length,
      ]).toEqual([0, 2, 3]);
      for (let turn = 0; turn < 2; turn++) {
        const given = asObject((await assign(identity)).content);
        await call("closesuccessfulmsg", {
          processid: given["processid"] ?? "",
          out: [textOf(asObject(given["spec"])["nodename"])],
        });
      }
      const last = asObject((await assign(identity)).content);
      expect([asObject(last["spec"])["nodename"], [...(last["in"] as string[])].sort()]).toEqual(["c", ["a", "b"]]);
      expect(await stateOf(graph)).toBe(states.running);
      await call("closesuccessfulmsg", { processid: last["processid"] ?? "", out: [] });
      expect(await stateOf(graph)).toBe(states.success);
    });

    test("hold children back while a parent runs", async () => {
      const { identity, type } = await newWorker();
      await submitWorkflow([node(type, "a"), node(type, "b", ["a"])]);
      await assign(identity);
      expect((await assign(identity, { timeout: -1 })).status).toBe(404);
    });

    test("fail whole when a parent fails", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a"), node(type, "b", ["a"])]);
      const given = asObject((await assign(identity)).content);
      await call("closefailedmsg", { processid: given["processid"] ?? "", errors: ["x"] });
      expect(await stateOf(graph)).toBe(states.failed);
      expect([...(await membersOf(graph)).values()].map((row) => row["state"])).toEqual([states.failed, states.failed]);
    });

    test("leave siblings alone when a leaf fails", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a"), node(type, "b")]);
      const given = asObject((await assign(identity)).content);
      await call("closefailedmsg", { processid: given["processid"] ?? "", errors: ["x"] });
      const left = [...(await membersOf(graph)).values()].map((row) => row["state"]);
      expect(left).toContain(states.waiting);
      expect(left).toContain(states.failed);
      expect(await stateOf(graph)).toBe(states.failed);
      // The sibling of a failed workflow still runs.
      expect((await assign(identity)).status).toBe(200);
    });

    test("of which a finished one is cancelled all the same, but not its members", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a")]);
      const given = asObject((await assign(identity)).content);
      await call("closesuccessfulmsg", { processid: given["processid"] ?? "", out: [] });
      await user("cancelprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" });
      expect(await stateOf(graph)).toBe(states.cancelled);
      expect([...(await membersOf(graph)).values()].map((row) => row["state"])).toEqual([states.success]);
    });

    test("that do not exist are an internal error", async () => {
      const processgraphid = "0".repeat(64);
      for (const payloadType of ["getprocessgraphmsg", "cancelprocessgraphmsg", "removeprocessgraphmsg"]) {
        const answer = await user(payloadType, { processgraphid, all: false });
        expect([payloadType, answer.status, answer.message.endsWith("is nil")]).toEqual([payloadType, 500, true]);
      }
    });

    test("are removed all at once by the owner only, and never those that run", async () => {
      refused(await user("removeallprocessgraphsmsg", { state: 4 }), 403, "Access denied, not colony owner");
      expect((await owner("removeallprocessgraphsmsg", { state: 1 })).status).toBe(400);
      const graph = await submitWorkflow([node(unique("type"), "a")]);
      await user("cancelprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" });
      expect((await owner("removeallprocessgraphsmsg", { state: 4 })).content).toEqual({});
      expect((await user("getprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" })).status).toBe(500);
    });

    test("insert a child between a parent and its children", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a"), node(type, "b", ["a"])]);
      const given = asObject((await assign(identity)).content);
      const before = await membersOf(graph);
      const message = {
        processgraphid: graph["processgraphid"] ?? "",
        parentprocessid: given["processid"] ?? "",
        childprocessid: before.get("b")?.["processid"] ?? "",
        spec: node(type, "between"),
        insert: true,
      };
      expect((await call("addchildmsg", message)).message).toBe("");
      const after = await membersOf(graph);
      const between = after.get("between")?.["processid"] ?? "";
      expect([after.get("a")?.["children"], after.get("b")?.["parents"]]).toEqual([[between], [between]]);
      await call("closesuccessfulmsg", { processid: given["processid"] ?? "", out: [] });
      expect(asObject((await assign(identity)).content)["processid"]).toBe(between);
    });

    test("get no child from a stranger to the parent", async () => {
      const { identity, type } = await newWorker();
      const other = await newWorker();
      const graph = await submitWorkflow([node(type, "a")]);
      const given = asObject((await assign(identity)).content);
      const answer = await other.call("addchildmsg", {
        processgraphid: graph["processgraphid"] ?? "",
        parentprocessid: given["processid"] ?? "",
        childprocessid: "",
        spec: node(type, "added"),
        insert: false,
      });
      expect(answer.status).not.toBe(200);
    });

    test("normalise maxexectime 0", async () => {
      const graph = await submitWorkflow([node(unique("type"), "a", [], { maxexectime: 0 })]);
      expect(asObject((await membersOf(graph)).get("a")?.["spec"])["maxexectime"]).toBe(-1);
    });

    const refusedWorkflow = (functionspecs: JsonObject[]) =>
      user("submitworkflowspecmsg", { spec: { colonyname: behaviour.colony.colonyName, functionspecs } });
    test("need node names", async () =>
      refused(await refusedWorkflow([specOf("t")]), 500, "Nodename is missing, check function spec for errors"));
    test("need different node names", async () =>
      refused(await refusedWorkflow([node("t", "a"), node("t", "a")]), 500, "Duplicate nodename: a"));

    test("need dependencies that exist, and leave an empty graph behind", async () => {
      const before = (await user("getprocessgraphsmsg", { count: 100, state: 0 })).content;
      const message =
        "Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits?";
      refused(await refusedWorkflow([node("t", "a", ["nope"])]), 500, message);
      const after = asList((await user("getprocessgraphsmsg", { count: 100, state: 0 })).content);
      expect(after.length).toBe(Math.min(100, (before === null ? 0 : asList(before).length) + 1));
    });

    test("take cycles, which then wait for ever", async () => {
      const type = unique("type");
      const graph = await submitWorkflow([node(type, "a", ["b"]), node(type, "b", ["a"])]);
      expect([graph["state"], graph["rootprocessids"] ?? []]).toEqual([states.waiting, []]);
    });

    test("are cancelled whole, and again without complaint", async () => {
      const type = unique("type");
      const graph = await submitWorkflow([node(type, "a"), node(type, "b", ["a"])]);
      const processgraphid = graph["processgraphid"] ?? "";
      expect((await user("cancelprocessgraphmsg", { processgraphid })).content).toEqual({});
      expect((await user("cancelprocessgraphmsg", { processgraphid })).content).toEqual({});
      expect([...(await membersOf(graph)).values()].map((row) => row["state"])).toEqual([
        states.cancelled,
        states.cancelled,
      ]);
      expect(await stateOf(graph)).toBe(states.cancelled);
    });

    test("do not let their members be cancelled or removed singly", async () => {
      const graph = await submitWorkflow([node(unique("type"), "a")]);
      const [processid = ""] = graph["processids"] as string[];
      refused(
        await user("cancelprocessmsg", { processid }),
        400,
        "Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead",
      );
      refused(
        await user("removeprocessmsg", { processid, all: false }),
        400,
        "Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead",
      );
    });

    test("cannot be removed while they run, and take their members with them", async () => {
      const { identity, type } = await newWorker();
      const graph = await submitWorkflow([node(type, "a")]);
      const processgraphid = graph["processgraphid"] ?? "";
      await assign(identity);
      refused(
        await user("removeprocessgraphmsg", { processgraphid, all: false }),
        400,
        "Failed to remove processgraph, cannot remove a running processgraph",
      );
      await user("cancelprocessgraphmsg", { processgraphid });
      expect((await user("removeprocessgraphmsg", { processgraphid, all: false })).content).toEqual({});
      expect((await user("getprocessmsg", { processid: (graph["processids"] as string[])[0] ?? "" })).status).toBe(404);
      expect((await user("getprocessgraphmsg", { processgraphid })).status).toBe(500);
    });

    test("get a child from whoever runs the parent", async () => {
      const { identity, type, call } = await newWorker();
      const graph = await submitWorkflow([node(type, "a")]);
      const given = asObject((await assign(identity)).content);
      const message = {
        processgraphid: graph["processgraphid"] ?? "",
        parentprocessid: given["processid"] ?? "",
        childprocessid: "",
        spec: node(type, "added"),
        insert: false,
      };
      expect((await call("addchildmsg", message)).message).toBe("");
      const members = await membersOf(graph);
      expect([...members.keys()].sort()).toEqual(["a", "added"]);
      expect(members.get("added")?.["waitforparents"]).toBe(true);
    });

    test("list at most 100, of a valid state", async () => {
      refused(
        await user("getprocessgraphsmsg", { count: 101, state: 0 }),
        400,
        "Count is larger than MaxCount limit <100>",
      );
      expect((await user("getprocessgraphsmsg", { count: 10, state: 9 })).status).toBe(400);
    });
  });
}
