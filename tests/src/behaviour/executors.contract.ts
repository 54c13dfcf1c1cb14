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

    test("that do not exist are approved and removed by nobody", async () => {
      for (const [action, payloadType] of [
        ["approve", "approveexecutormsg"],
        ["reject", "rejectexecutormsg"],
        ["remove", "removeexecutormsg"],
      ] as const) {
        const answer = await owner(payloadType, { executorname: "nobody" });
        refused(answer, 500, `Failed to ${action} executor, executor is nil`);
      }
    });

    test("are approved by the owner only", async () => {
      const { name, identity } = await newWorker();
      for (const payloadType of ["approveexecutormsg", "rejectexecutormsg", "removeexecutormsg"]) {
        refused(await user(payloadType, { executorname: name }), 403, "Access denied, not colony owner");
      }
      expect((await assign(identity, { timeout: -1 })).status).toBe(404);
    });

    test("change their own key, and the old one is nobody's", async () => {
      const { identity, name } = await newWorker();
      const next = Identity.generate();
      const { colonyName: colonyname } = behaviour.colony;
      expect((await as(identity)("changeexecutoridmsg", { colonyname, executorid: next.id })).status).toBe(200);
      expect((await assign(identity, { timeout: -1 })).status).toBe(403);
      expect((await assign(next, { timeout: -1 })).status).toBe(404);
      expect(asObject((await user("getexecutormsg", { executorname: name })).content)["executorid"]).toBe(next.id);
    });

    test("update their own capabilities only", async () => {
      const [mine, other] = [await newWorker(), await newWorker()];
      const { colonyName: colonyname } = behaviour.colony;
      const software = [{ name: "x", type: "agent", version: "1" }];
      const capabilities = { hardware: [], software };
      const update = (executorname: string) =>
        mine.call("updateexecutormsg", { colonyname, executorname, capabilities });
      expect((await update(mine.name)).content).toEqual({});
      expect((await update(other.name)).status).not.toBe(200);
      const read = asObject((await user("getexecutormsg", { executorname: mine.name })).content);
      expect(asObject(read["capabilities"])["software"]).toEqual(software);
    });

    test("that were removed may still list, but not work", async () => {
      const { identity, name } = await newWorker();
      await owner("removeexecutormsg", { executorname: name });
      const { colonyName: colonyname } = behaviour.colony;
      expect((await as(identity)("getexecutorsmsg", { colonyname })).status).toBe(200);
      expect((await assign(identity, { timeout: -1 })).status).toBe(403);
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

    test("that do not exist are not found", async () => {
      refused(
        await user("removefunctionmsg", { functionid: "0".repeat(64) }),
        404,
        "Failed to remove function, function does not exist",
      );
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
