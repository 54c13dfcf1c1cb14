import { describe, expect, test } from "bun:test";
import { Identity } from "@cpm/colonies";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, textOf } from "./wire.ts";

/** Executors and their functions. */
export function describeExecutors(behaviour: Behaviour): void {
  const { unique, as, user, owner, submit, newWorker, assign, getProcess, refused } = behaviour;

  describe("executors", () => {
    const fieldsOf = (executorname: string, executortype: string, executorid = Identity.generate().id) => ({
      executor: { executorid, executortype, executorname, colonyname: behaviour.colony.colonyName },
    });

    test("are added by the owner and begin as pending, never heard of", async () => {
      const name = unique("executor");
      refused(await user("addexecutormsg", fieldsOf(name, "t")), 403, "Access denied, not colony owner");
      const added = asObject((await owner("addexecutormsg", fieldsOf(name, "t"))).content);
      expect([added["state"], added["executorname"], textOf(added["lastheardfromtime"]).slice(0, 4)]).toEqual([
        0,
        name,
        "0001",
      ]);
    });

    test("keep their name for ever", async () => {
      const name = unique("executor");
      await owner("addexecutormsg", fieldsOf(name, "t"));
      const message = `Executor with name <${name}> in Colony <${behaviour.colony.colonyName}> already exists`;
      refused(await owner("addexecutormsg", fieldsOf(name, "t")), 400, message);
      await owner("removeexecutormsg", { executorname: name });
      refused(await owner("addexecutormsg", fieldsOf(name, "t")), 400, message);
    });

    test("that are pending may list but not work", async () => {
      const identity = Identity.generate();
      const type = unique("type");
      await owner("addexecutormsg", fieldsOf(unique("executor"), type, identity.id));
      expect((await as(identity)("getexecutorsmsg", { colonyname: behaviour.colony.colonyName })).status).toBe(200);
      refused(
        await assign(identity, { timeout: 1 }),
        403,
        `Access denied, not a member of Colony with name <${behaviour.colony.colonyName}>`,
      );
    });

    test("that are rejected lose their place, and approval gives it back", async () => {
      const { identity, name } = await newWorker();
      await owner("rejectexecutormsg", { executorname: name });
      expect((await assign(identity, { timeout: 1 })).status).toBe(403);
      await owner("approveexecutormsg", { executorname: name });
      refused(await assign(identity, { timeout: -1 }), 404, "No process available for assignment");
    });

    test("that are removed stay listed as unregistered", async () => {
      const { name } = await newWorker();
      expect((await owner("removeexecutormsg", { executorname: name })).content).toEqual({});
      const listed = asList((await user("getexecutorsmsg")).content).find((row) => row["executorname"] === name);
      expect(listed?.["state"]).toBe(3);
      await owner("approveexecutormsg", { executorname: name });
      expect(asObject((await user("getexecutormsg", { executorname: name })).content)["state"]).toBe(1);
    });

    test("cannot remove themselves", async () => {
      const { identity, name } = await newWorker();
      refused(
        await as(identity)("removeexecutormsg", { colonyname: behaviour.colony.colonyName, executorname: name }),
        403,
        "Access denied, not colony owner",
      );
    });

    test("that do not exist are an internal error by name and not found by id", async () => {
      refused(await user("getexecutormsg", { executorname: "nobody" }), 500, "Failed to get executor, executor is nil");
      expect((await user("getexecutorbyidmsg", { executorid: "0".repeat(64) })).status).toBe(404);
    });

    test("take capabilities as lists only", async () => {
      const fields = fieldsOf(unique("executor"), "t");
      const wrong = { executor: { ...fields.executor, capabilities: { hardware: {}, software: {} } } };
      refused(await owner("addexecutormsg", wrong), 400, "Failed to add executor, invalid JSON");
    });

    test("whose jobs are taken away when they are removed", async () => {
      const { identity, type, name } = await newWorker();
      const process = await submit(type);
      await assign(identity);
      await owner("removeexecutormsg", { executorname: name });
      const after = await getProcess(process["processid"]);
      expect([after["state"], after["isassigned"], after["assignedexecutorid"]]).toEqual([states.waiting, false, ""]);
    });
  });

  describe("functions", () => {
    test("are null when there are none, and may be added twice", async () => {
      const { type, name, call } = await newWorker();
      const list = () => user("getfunctionsmsg", { executorname: name });
      expect((await list()).content).toBeNull();
      const fun = {
        executorname: name,
        executortype: type,
        colonyname: behaviour.colony.colonyName,
        funcname: "echo",
        description: "d",
      };
      expect(asObject((await call("addfunctionmsg", { fun })).content)["funcname"]).toBe("echo");
      await call("addfunctionmsg", { fun });
      expect(asList((await list()).content)).toHaveLength(2);
    });

    test("are added by their executor only", async () => {
      const [mine, other] = [await newWorker(), await newWorker()];
      const fun = {
        executorname: mine.name,
        executortype: mine.type,
        colonyname: behaviour.colony.colonyName,
        funcname: "echo",
      };
      expect((await other.call("addfunctionmsg", { fun })).status).toBe(403);
    });

    test("can be removed by their executor", async () => {
      const { type, name, call } = await newWorker();
      const fun = { executorname: name, executortype: type, colonyname: behaviour.colony.colonyName, funcname: "echo" };
      const added = asObject((await call("addfunctionmsg", { fun })).content);
      expect((await call("removefunctionmsg", { functionid: added["functionid"] ?? "" })).content).toEqual({});
      expect((await user("getfunctionsmsg", { executorname: name })).content).toBeNull();
    });

    test("are gone after their executor was removed", async () => {
      const { type, name, call } = await newWorker();
      await call("addfunctionmsg", {
        fun: { executorname: name, executortype: type, colonyname: behaviour.colony.colonyName, funcname: "echo" },
      });
      await owner("removeexecutormsg", { executorname: name });
      expect((await user("getfunctionsmsg", { executorname: name })).content).toBeNull();
    });
  });
}
