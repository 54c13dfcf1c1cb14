import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "@cpm/base";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, textOf } from "./wire.ts";

/** How processes end, and what they leave. */
export function describeClosing(behaviour: Behaviour): void {
  const { unique, as, user, owner, submit, newWorker, assign, getProcess, refused } = behaviour;

  describe("closing", () => {
    const running = async (fields: JsonObject = {}) => {
      const worker = await newWorker();
      const process = await submit(worker.type, fields);
      await assign(worker.identity);
      const processid = textOf(process["processid"]);
      return {
        ...worker,
        processid,
        close: (out: JsonValue) => worker.call("closesuccessfulmsg", { processid, out }),
        fail: (errors: string[]) => worker.call("closefailedmsg", { processid, errors }),
      };
    };

    test("as successful keeps the output", async () => {
      const { processid, close } = await running();
      expect((await close([{ a: 1 }, "b"])).content).toEqual({});
      const after = await getProcess(processid);
      expect([after["state"], after["out"]]).toEqual([states.success, [{ a: 1 }, "b"]]);
    });

    test("again as successful overwrites the output", async () => {
      const { processid, close } = await running();
      await close([1]);
      expect((await close([2])).status).toBe(200);
      expect((await getProcess(processid))["out"]).toEqual([2]);
    });

    test("with nothing keeps what was set before", async () => {
      const { processid, close, call } = await running();
      expect((await call("setoutputmsg", { processid, out: ["kept"] })).content).toEqual({});
      await close([]);
      expect((await getProcess(processid))["out"]).toEqual(["kept"]);
    });

    test("as failed keeps the errors, and is not retried", async () => {
      const { processid, fail } = await running({ maxretries: 5 });
      await fail(["broken", "twice"]);
      const after = await getProcess(processid);
      expect([after["state"], after["errors"], after["retries"]]).toEqual([states.failed, ["broken", "twice"], 0]);
    });

    test("as failed after success is refused", async () => {
      const { close, fail } = await running();
      await close([]);
      refused(await fail(["late"]), 400, "Tried to set successful process as failed");
    });

    test("a cancelled process is refused, but its output is written", async () => {
      const { processid, close } = await running();
      await user("cancelprocessmsg", { processid });
      refused(await close(["late"]), 400, "Tried to set cancelled process as successful");
      const after = await getProcess(processid);
      expect([after["state"], after["out"]]).toEqual([states.cancelled, ["late"]]);
    });

    test("as failed again is refused, and keeps the first reason", async () => {
      const { processid, fail } = await running();
      await fail(["first"]);
      refused(await fail(["second"]), 400, "Tried to set failed process as failed");
      expect((await getProcess(processid))["errors"]).toEqual(["first"]);
    });

    test("as successful after failure is refused", async () => {
      const { close, fail } = await running();
      await fail(["x"]);
      refused(await close([]), 400, "Tried to set failed process as successful");
    });

    test("a cancelled process as failed is refused", async () => {
      const { processid, fail } = await running();
      await user("cancelprocessmsg", { processid });
      refused(await fail(["x"]), 400, "Tried to set cancelled process as failed");
    });

    test("is not possible once the process was taken away", async () => {
      const { processid, close, name } = await running();
      await owner("removeexecutormsg", { executorname: name });
      await owner("approveexecutormsg", { executorname: name });
      refused(await close([]), 403, "Failed to close process as successful, process is not assigned");
      expect((await getProcess(processid))["out"]).toEqual([]);
    });

    test("leaves nothing that could still be written", async () => {
      const { processid, close, call } = await running();
      await close([1]);
      refused(await call("setoutputmsg", { processid, out: [2] }), 403, "Failed to set output, process is not running");
      refused(
        await call("addlogmsg", { processid, message: "x" }),
        403,
        "Failed to set output, process is not running",
      );
    });

    test("what does not exist is an internal error", async () => {
      const { call } = await newWorker();
      const processid = "0".repeat(64);
      refused(
        await call("closesuccessfulmsg", { processid, out: [] }),
        500,
        "Failed to close process as successful, process is nil",
      );
      refused(await call("addlogmsg", { processid, message: "x" }), 500, "Failed to add log, process is nil");
      refused(await user("cancelprocessmsg", { processid }), 500, "Failed to cancel process, process is nil");
    });

    test("is for the executor that has it", async () => {
      const { processid, type } = await running();
      const stranger = await behaviour.colony.addExecutor(unique("worker"), type);
      refused(
        await as(stranger)("closesuccessfulmsg", { processid, out: [] }),
        403,
        "Failed to close process as successful, not allowed to close process as successful",
      );
    });

    test("what nobody has is refused", async () => {
      const { type, identity } = await newWorker();
      const process = await submit(type);
      refused(
        await as(identity)("closefailedmsg", { processid: process["processid"] ?? "", errors: [] }),
        403,
        "Failed to close process as failed, process is not assigned",
      );
    });
  });

  describe("cancelling and removing", () => {
    test("any member may cancel what waits, once", async () => {
      const process = await submit(unique("type"));
      const { identity } = await newWorker();
      expect((await as(identity)("cancelprocessmsg", { processid: process["processid"] ?? "" })).content).toEqual({});
      refused(
        await user("cancelprocessmsg", { processid: process["processid"] ?? "" }),
        400,
        "Tried to cancel already cancelled process",
      );
    });

    test.each([
      ["closesuccessfulmsg", { out: [] }, "Tried to cancel successful process"],
      ["closefailedmsg", { errors: ["x"] }, "Tried to cancel failed process"],
    ] as const)("what has ended (%s) cannot be cancelled", async (payloadType, fields, message) => {
      const { identity, type, call } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      await call(payloadType, { processid, ...fields });
      refused(await user("cancelprocessmsg", { processid }), 400, message);
    });

    test("a cancelled process is never given to anybody", async () => {
      const { identity, type } = await newWorker();
      const process = await submit(type);
      await user("cancelprocessmsg", { processid: process["processid"] ?? "" });
      expect((await assign(identity, { timeout: -1 })).status).toBe(404);
    });

    test("a running process cannot be removed", async () => {
      const { identity, type } = await newWorker();
      const process = await submit(type);
      await assign(identity);
      refused(
        await user("removeprocessmsg", { processid: process["processid"] ?? "", all: false }),
        400,
        "Failed to remove process, cannot remove a running process",
      );
    });

    test("a removed process is not found", async () => {
      const process = await submit(unique("type"));
      expect((await user("removeprocessmsg", { processid: process["processid"] ?? "", all: false })).content).toEqual(
        {},
      );
      refused(
        await user("getprocessmsg", { processid: process["processid"] ?? "" }),
        404,
        "Failed to get process, process not found",
      );
    });

    test("removing all is for the owner", async () => {
      refused(await user("removeallprocessesmsg", { state: 4 }), 403, "Access denied, not colony owner");
    });
  });

  describe("logs", () => {
    test("are kept in order, with exact nanoseconds", async () => {
      const { identity, type, call } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      for (const message of ["one\n", "two\n", "three\n"])
        expect((await call("addlogmsg", { processid, message })).content).toEqual({});
      const logs = asList(
        (await user("getlogsmsg", { processid, executorname: "", count: 100, since: 0, latest: false })).content,
      );
      expect(logs.map((row) => row["message"])).toEqual(["one\n", "two\n", "three\n"]);
      expect(logs.every((row) => typeof row["timestamp"] === "bigint")).toBe(true);
      const since = logs[0]?.["timestamp"] ?? 0;
      const later = asList(
        (await user("getlogsmsg", { processid, executorname: "", count: 100, since, latest: false })).content,
      );
      expect(later.map((row) => row["message"]).slice(-2)).toEqual(["two\n", "three\n"]);
      const last = asList(
        (await user("getlogsmsg", { processid, executorname: "", count: 1, since: 0, latest: true })).content,
      );
      expect(last.map((row) => row["message"])).toEqual(["three\n"]);
    });

    test("are written by whoever has the process", async () => {
      const { type, identity } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      refused(
        await user("addlogmsg", { processid, message: "x" }),
        403,
        "Failed to add log, not allowed to add log, only the assigned Executor may att logs",
      );
    });

    test("are null when there are none, and at most 500", async () => {
      const processid = (await submit(unique("type")))["processid"] ?? "";
      expect(
        (await user("getlogsmsg", { processid, executorname: "", count: 10, since: 0, latest: false })).content,
      ).toBeNull();
      refused(
        await user("getlogsmsg", { processid, executorname: "", count: 501, since: 0, latest: false }),
        403,
        "Count exceeds max log count (500)",
      );
    });

    test("are searched by text, within limits", async () => {
      const { identity, type, call } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      const word = unique("needle");
      await call("addlogmsg", { processid, message: `a ${word} in the hay\n` });
      const search = (fields: JsonObject) => user("searchlogsmsg", { text: word, days: 1, count: 10, ...fields });
      expect(asList((await search({})).content).map((row) => row["processid"])).toEqual([processid]);
      expect((await search({ text: "no such words" })).content).toBeNull();
      expect((await search({ count: 101 })).status).not.toBe(200);
      expect((await search({ days: 31 })).status).not.toBe(200);
    });

    test("of a process that does not exist are an internal error", async () => {
      const fields = { processid: "0".repeat(64), executorname: "", count: 10, since: 0, latest: false };
      refused(await user("getlogsmsg", fields), 500, "Failed to get logs, process does not exist");
    });

    test("of an executor are its own", async () => {
      const { name, call } = await newWorker();
      expect(
        (
          await call("addexecutorlogmsg", {
            colonyname: behaviour.colony.colonyName,
            executorname: name,
            message: "hello",
          })
        ).content,
      ).toEqual({});
      const logs = asList(
        (await user("getlogsmsg", { processid: "", executorname: name, count: 10, since: 0, latest: false })).content,
      );
      expect(logs.map((row) => [row["message"], row["processid"]])).toEqual([["hello", ""]]);
    });
  });

  describe("attributes", () => {
    const attributeOf = (targetid: JsonValue, key: string): JsonObject => ({
      attribute: {
        targetid,
        targetcolonyname: behaviour.colony.colonyName,
        targetprocessgraphid: "",
        attributetype: 1,
        key,
        value: "v",
      },
    });

    test("are hung on a running process by its executor, once for each key", async () => {
      const { identity, type, call } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      const attribute = attributeOf(processid, "k");
      refused(
        await user("addattributemsg", attribute),
        403,
        `Failed to add attribute, only executor with id <${identity.id}> is allowed to set attributes`,
      );
      const added = asObject((await call("addattributemsg", attribute)).content);
      expect(added).toMatchObject({ targetid: processid, attributetype: 1, key: "k", value: "v" });
      const again = await call("addattributemsg", attribute);
      expect([again.status, again.message.includes("duplicate key value")]).toEqual([400, true]);
      const read = await user("getattributemsg", { attributeid: added["attributeid"] ?? "" });
      expect(asObject(read.content)["value"]).toBe("v");
      expect(asList((await getProcess(processid))["attributes"]).map((row) => row["key"])).toEqual(["k"]);
      await call("closesuccessfulmsg", { processid, out: [] });
      refused(
        await call("addattributemsg", attributeOf(processid, "late")),
        403,
        "Failed to add attribute, process is not running",
      );
    });

    test("need a process, and have an id", async () => {
      const { call } = await newWorker();
      refused(
        await call("addattributemsg", attributeOf("0".repeat(64), "k")),
        404,
        "Failed to add attribute, process not found",
      );
      refused(await user("getattributemsg", { attributeid: "0".repeat(64) }), 400, "Attribute does not exists");
    });
  });
}
