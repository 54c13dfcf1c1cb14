import { describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { states, until } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, textOf } from "./wire.ts";

/** Processes from their submission to their lists. */
export function describeProcesses(behaviour: Behaviour): void {
  const { unique, as, user, owner, specOf, submit, newWorker, assign, getProcess, refused } = behaviour;

  describe("submitting", () => {
    test("gives a waiting process with rewritten conditions", async () => {
      const process = await submit(unique("type"), { label: "l", conditions: { cpu: "1000m", mem: "1G" } });
      const conditions = asObject(asObject(process["spec"])["conditions"]);
      expect([process["state"], process["isassigned"], process["retries"], process["initiatorid"]]).toEqual([
        0,
        false,
        0,
        behaviour.colony.user.id,
      ]);
      expect([conditions["cpu"], conditions["mem"], conditions["storage"]]).toEqual(["1000m", "953Mi", "0Mi"]);
      expect([process["in"], process["out"], process["errors"], process["attributes"]]).toEqual([[], [], [], []]);
    });

    test("takes a CPU without its unit for none", async () => {
      const process = await submit(unique("type"), { conditions: { cpu: "2" } });
      expect(asObject(asObject(process["spec"])["conditions"])["cpu"]).toBe("0m");
    });

    test("refuses GB", async () => {
      refused(
        await user("submitfuncspecmsg", { spec: specOf("t", { conditions: { mem: "1GB" } }) }),
        400,
        'error converting memory to int: strconv.ParseInt: parsing "1GB": invalid syntax',
      );
    });

    test("refuses a fraction of a millicore", async () => {
      const answer = await user("submitfuncspecmsg", { spec: specOf("t", { conditions: { cpu: "1.5m" } }) });
      expect(answer.status).toBe(400);
    });

    test("keeps the environment as attributes too", async () => {
      const process = await submit(unique("type"), { env: { NAME: "value" } });
      expect(asList(process["attributes"])).toMatchObject([
        { targetid: process["processid"], attributetype: 3, key: "NAME", value: "value" },
      ]);
    });

    test("refuses a priority out of range", async () => {
      refused(
        await user("submitfuncspecmsg", { spec: specOf("t", { priority: 50_001 }) }),
        400,
        "Failed to submit function spec, priority outside range [-50000, 50000]",
      );
    });

    test.each([
      ["kwargs", []],
      ["args", {}],
      ["env", { A: 1 }],
    ])("refuses %s of the wrong type", async (key, value) => {
      const answer = await user("submitfuncspecmsg", { spec: specOf("t", { [key]: value as JsonValue }) });
      expect([answer.status, answer.message.endsWith("invalid JSON")]).toEqual([400, true]);
    });

    test("is for members", async () => {
      expect((await owner("submitfuncspecmsg", { spec: specOf("t") })).status).toBe(403);
    });

    test("takes megabytes", async () => {
      const text = "x".repeat(3_000_000);
      const process = await submit(unique("type"), { kwargs: { text } });
      expect(asObject(asObject((await getProcess(process["processid"]))["spec"])["kwargs"])["text"]).toBe(text);
    });

    test("expands a star among executor names to none", async () => {
      const process = await submit(unique("type"), { conditions: { executornames: ["*"] } });
      expect(asObject(asObject(process["spec"])["conditions"])["executornames"] ?? []).toEqual([]);
    });
  });

  describe("assigning", () => {
    test("refuses a timeout of zero", async () => {
      const { identity } = await newWorker();
      refused(await assign(identity, { timeout: 0 }), 400, "Invalid timeout value, timeout cannot be zero");
    });

    test("is not for users", async () => {
      refused(await assign(behaviour.colony.user, { timeout: 1 }), 500, "Failed to assign process, executor not found");
    });

    test("answers 404 when nothing waits, at once or after its time", async () => {
      const { identity } = await newWorker();
      refused(await assign(identity, { timeout: -1 }), 404, "No process available for assignment");
      refused(await assign(identity, { timeout: 1 }), 404, "No process available for assignment");
    });

    test("gives a process to an executor of its type", async () => {
      const { identity, type } = await newWorker();
      const process = await submit(type);
      const given = asObject((await assign(identity)).content);
      expect([given["processid"], given["state"], given["isassigned"], given["assignedexecutorid"]]).toEqual([
        process["processid"] ?? "",
        states.running,
        true,
        identity.id,
      ]);
    });

    test("wakes a call that waits", async () => {
      const { identity, type } = await newWorker();
      const waiting = assign(identity, { timeout: 20 });
      await sleep(200);
      const process = await submit(type);
      expect(asObject((await waiting).content)["processid"]).toBe(process["processid"] ?? "");
    });

    test("goes by priority, then by age", async () => {
      const { identity, type } = await newWorker();
      const ids = [await submit(type), await submit(type, { priority: 5 }), await submit(type)].map(
        (process) => process["processid"],
      );
      const order: unknown[] = [];
      for (let turn = 0; turn < 3; turn++) order.push(asObject((await assign(identity)).content)["processid"]);
      expect(order).toEqual([ids[1], ids[0], ids[2]]);
    });

    test("respects names", async () => {
      const [mine, other] = [await newWorker(), await newWorker()];
      await submit(mine.type, { conditions: { executornames: [other.name] } });
      expect((await assign(mine.identity, { timeout: -1 })).status).toBe(404);
      await submit(mine.type, { conditions: { executornames: [mine.name] } });
      expect((await assign(mine.identity)).status).toBe(200);
    });

    test("respects what is available", async () => {
      const { identity, type } = await newWorker();
      await submit(type, { conditions: { cpu: "2000m", mem: "1Gi" } });
      expect((await assign(identity, { timeout: -1, availablecpu: "1000m" })).status).toBe(404);
      expect((await assign(identity, { timeout: -1, availablecpu: "4000m", availablemem: "512Mi" })).status).toBe(404);
      expect((await assign(identity, { timeout: -1, availablecpu: "4000m", availablemem: "2Gi" })).status).toBe(200);
    });

    test("takes a CPU without its unit for none that is free", async () => {
      const { identity, type } = await newWorker();
      await submit(type, { conditions: { cpu: "1m" } });
      expect((await assign(identity, { timeout: -1, availablecpu: "4" })).status).toBe(404);
    });

    test("gives nothing for less than no CPU, and still hears the executor", async () => {
      const { identity, type, name } = await newWorker();
      await submit(type);
      expect((await assign(identity, { timeout: -1, availablecpu: "-1m" })).status).toBe(404);
      const read = asObject((await user("getexecutormsg", { executorname: name })).content);
      expect(textOf(read["lastheardfromtime"]).startsWith("0001")).toBe(false);
    });

    test("goes by location, in any case", async () => {
      const type = unique("type");
      const identity = Identity.generate();
      const executorname = unique("worker");
      const { colonyName: colonyname } = behaviour.colony;
      const executor = { executorid: identity.id, executortype: type, executorname, colonyname, locationname: "Here" };
      await owner("addexecutormsg", { executor });
      await owner("approveexecutormsg", { executorname });
      await submit(type, { conditions: { locationname: "there" } });
      expect((await assign(identity, { timeout: -1 })).status).toBe(404);
      await submit(type, { conditions: { locationname: "hERE" } });
      expect((await assign(identity, { timeout: -1 })).status).toBe(200);
    });

    test("is not for executors that wait for approval", async () => {
      const identity = Identity.generate();
      const { colonyName: colonyname } = behaviour.colony;
      const executor = { executorid: identity.id, executortype: "t", executorname: unique("worker"), colonyname };
      await owner("addexecutormsg", { executor });
      refused(
        await assign(identity, { timeout: -1 }),
        403,
        `Access denied, not a member of Colony with name <${colonyname}>`,
      );
    });

    test("never gives 128 nodes", async () => {
      const { identity, type } = await newWorker();
      await submit(type, { conditions: { nodes: 128 } });
      expect((await assign(identity, { timeout: -1 })).status).toBe(404);
    });

    test("one process goes to one of many", async () => {
      const type = unique("type");
      const workers = await Promise.all([1, 2, 3].map(() => behaviour.colony.addExecutor(unique("worker"), type)));
      const calls = workers.map((identity) => assign(identity, { timeout: 2 }));
      await submit(type);
      const answers = await Promise.all(calls);
      expect(answers.map((answer) => answer.status).toSorted((left, right) => left - right)).toEqual([200, 404, 404]);
    });

    test("pauses with the colony", async () => {
      const { identity, type } = await newWorker();
      await submit(type);
      refused(await user("pauseassignmentsmsg"), 403, "Access denied, not colony owner");
      expect((await owner("pauseassignmentsmsg")).content).toEqual({});
      try {
        const status = await user("getpausestatusmsg");
        expect([status.payloadType, asObject(status.content)["ispaused"]]).toEqual(["pausestatusreplymsg", true]);
        refused(await assign(identity, { timeout: 1 }), 408, "Assignment timeout: colony assignments are paused");
        refused(await assign(identity, { timeout: -1 }), 503, "No processes available: colony assignments are paused");
      } finally {
        await owner("resumeassignmentsmsg");
      }
      expect((await assign(identity)).status).toBe(200);
    });
  });

  describe("limits of time", () => {
    test("maxexectime 0 fails a process about a second after it started", async () => {
      const { identity, type } = await newWorker();
      const process = await submit(type, { maxexectime: 0, maxretries: 0 });
      await assign(identity);
      const after = await until(
        () => getProcess(process["processid"]),
        // The server writes the reason after the state.
        (row) => row["state"] === states.failed && (row["errors"] as string[]).length > 0,
      );
      expect(after["errors"]).toEqual(["Maximum execution time limit exceeded"]);
    });

    test("expiry with retries left queues the process again", async () => {
      const { identity, type } = await newWorker();
      const process = await submit(type, { maxexectime: 1, maxretries: 1 });
      await assign(identity);
      const after = await until(
        () => getProcess(process["processid"]),
        (row) => row["state"] === states.waiting,
      );
      expect([after["retries"], after["isassigned"]]).toEqual([1, false]);
    });

    test("waiting too long fails a process", async () => {
      const process = await submit(unique("type"), { maxwaittime: 1 });
      const after = await until(
        () => getProcess(process["processid"]),
        // The server writes the reason after the state.
        (row) => row["state"] === states.failed && (row["errors"] as string[]).length > 0,
      );
      expect(after["errors"]).toEqual(["Maximum waiting time limit exceeded"]);
    });
  });

  describe("listing processes", () => {
    const list = (fields: JsonObject) =>
      user("getprocessesmsg", { count: 100, state: 0, executortype: "", label: "", initiator: "", ...fields });

    test("by label, and null when there are none", async () => {
      const label = unique("label");
      expect((await list({ label })).content).toBeNull();
      const process = await submit(unique("type"), { label });
      expect(asList((await list({ label })).content).map((row) => row["processid"])).toEqual([process["processid"]]);
    });

    test("type comes before label", async () => {
      const [type, label] = [unique("type"), unique("label")];
      const process = await submit(type);
      await submit(unique("type"), { label });
      expect(asList((await list({ executortype: type, label })).content).map((row) => row["processid"])).toEqual([
        process["processid"],
      ]);
    });

    test("at most 100", async () =>
      refused(await list({ count: 101 }), 400, "Count is larger than MaxCount limit <100>"));
    test("of one state", async () =>
      refused(await list({ state: -1 }), 400, "Failed to get processes, invalid msg.State"));
    test("none for a count of zero", async () => expect((await list({ count: 0 })).content).toBeNull());
    test("by a user who exists", async () =>
      refused(await list({ initiator: "nobody" }), 400, "User <nobody> does not exist"));

    test("initiator comes before label, and type before initiator", async () => {
      const [type, label] = [unique("type"), unique("label")];
      const process = await submit(type, { label });
      const own = asList((await list({ initiator: "myuser", label: unique("label") })).content);
      expect(own.map((row) => row["processid"])).toContain(process["processid"]);
      const typed = asList((await list({ executortype: type, initiator: "myuser" })).content);
      expect(typed.map((row) => row["processid"])).toEqual([process["processid"]]);
    });

    test("of ended ones the last to end comes first", async () => {
      const { identity, type, call } = await newWorker();
      const ids = [await submit(type), await submit(type)].map((process) => process["processid"] ?? "");
      for (const processid of ids) {
        await assign(identity);
        await call("closesuccessfulmsg", { processid, out: [] });
      }
      const ended = asList((await list({ state: states.success, executortype: type })).content);
      expect(ended.map((row) => row["processid"])).toEqual(ids.toReversed());
    });

    test("a negative count is refused", async () => expect((await list({ count: -1 })).status).toBe(400));

    test("history answers strangers with nothing", async () => {
      const answer = await as(Identity.generate())("getprocesshistmsg", {
        colonyname: behaviour.colony.colonyName,
        executorid: "",
        seconds: 60,
        state: 0,
      });
      expect([answer.httpStatus, answer.text]).toEqual([200, ""]);
    });
  });
}
