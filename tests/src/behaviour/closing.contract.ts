import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "@cpm/base";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, textOf } from "./wire.ts";

/** How processes end, and what they leave. */
export function describeClosing(behaviour: Behaviour): void {
  const { unique, as, user, submit, newWorker, assign, getProcess, refused } = behaviour;

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
}
