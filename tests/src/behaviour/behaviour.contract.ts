import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { asList, asObject, callWire, postWire } from "./wire.ts";
import type { Answer, ColonyUnderTest } from "./wire.ts";

const states = { waiting: 0, running: 1, success: 2, failed: 3, cancelled: 4 } as const;

/**
 * What a ColonyOS 1.9.12 server does, as exact statuses and words. It runs against the real server, which is
 * always right, and against the embedded one, which this suite proves to be faithful.
 */
export function describeColonyBehaviour(name: string, start: () => Promise<ColonyUnderTest>): void {
  describe(name, () => {
    let colony: ColonyUnderTest;
    let count = 0;
    beforeAll(async () => {
      colony = await start();
    }, 300_000);
    afterAll(async () => colony?.stop());

    const unique = (prefix: string) => `${prefix}${++count}`;
    const as = (identity: Identity | undefined) => (payloadType: string, message: JsonObject) =>
      callWire(colony.endpoint, payloadType, message, identity);
    const user = (payloadType: string, message: JsonObject = {}) =>
      as(colony.user)(payloadType, { colonyname: colony.colonyName, ...message });
    const owner = (payloadType: string, message: JsonObject = {}) =>
      as(colony.colonyOwner)(payloadType, { colonyname: colony.colonyName, ...message });
    const server = (payloadType: string, message: JsonObject = {}) => as(colony.serverOwner)(payloadType, message);

    const specOf = (type: string, fields: JsonObject = {}): JsonObject => {
      const { conditions, ...rest } = fields;
      return {
        funcname: "f",
        args: [],
        kwargs: {},
        maxwaittime: -1,
        maxexectime: -1,
        maxretries: -1,
        ...rest,
        conditions: {
          colonyname: colony.colonyName,
          executortype: type,
          executornames: [],
          dependencies: [],
          ...(conditions as JsonObject | undefined),
        },
      };
    };
    const submit = async (type: string, fields: JsonObject = {}): Promise<JsonObject> => {
      const answer = await user("submitfuncspecmsg", { spec: specOf(type, fields) });
      expect(answer.message).toBe("");
      return asObject(answer.content);
    };
    const newWorker = async (): Promise<{
      type: string;
      name: string;
      identity: Identity;
      call: ReturnType<typeof as>;
    }> => {
      const type = unique("type");
      const executor = unique("worker");
      const identity = await colony.addExecutor(executor, type);
      return { type, name: executor, identity, call: as(identity) };
    };
    const assign = (identity: Identity, fields: JsonObject = {}): Promise<Answer> =>
      as(identity)("assignprocessmsg", {
        colonyname: colony.colonyName,
        timeout: 5,
        availablecpu: "",
        availablemem: "",
        ...fields,
      });
    const getProcess = async (id: JsonValue | undefined): Promise<JsonObject> =>
      asObject((await user("getprocessmsg", { processid: id ?? "" })).content);
    const node = (type: string, nodename: string, dependencies: string[] = [], fields: JsonObject = {}): JsonObject =>
      specOf(type, { nodename, ...fields, conditions: { dependencies } });
    const submitWorkflow = async (functionspecs: JsonObject[]): Promise<JsonObject> => {
      const answer = await user("submitworkflowspecmsg", { spec: { colonyname: colony.colonyName, functionspecs } });
      expect(answer.message).toBe("");
      return asObject(
        (await user("getprocessgraphmsg", { processgraphid: asObject(answer.content)["processgraphid"] ?? "" }))
          .content,
      );
    };
    const membersOf = async (graph: JsonObject): Promise<Map<string, JsonObject>> => {
      const fresh = asObject(
        (await user("getprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" })).content,
      );
      const rows = await Promise.all((fresh["processids"] as string[]).map(getProcess));
      return new Map(rows.map((row) => [String(asObject(row["spec"])["nodename"]), row]));
    };
    const stateOf = async (graph: JsonObject): Promise<JsonValue | undefined> =>
      asObject((await user("getprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" })).content)["state"];
    const refused = (answer: Answer, status: number, message: string): void => {
      expect([answer.status, answer.message]).toEqual([status, message]);
      expect(answer.httpStatus).toBe(status);
    };

    describe("the envelope", () => {
      test("health answers 200 with nothing", async () => {
        const response = await fetch(`${colony.endpoint}/health`);
        expect([response.status, await response.text()]).toEqual([200, ""]);
      });

      test("another path is not found", async () => {
        const response = await fetch(`${colony.endpoint}/other`);
        expect([response.status, await response.text()]).toEqual([404, "404 page not found"]);
      });

      test("version needs no signature", async () => {
        const answer = await callWire(colony.endpoint, "versionmsg", { buildversion: "", buildtime: "" }, undefined);
        expect([answer.status, asObject(answer.content)["msgtype"]]).toEqual([200, "versionmsg"]);
      });

      test("server info needs no signature", async () => {
        expect((await callWire(colony.endpoint, "getserverinfomsg", {}, undefined)).status).toBe(200);
      });

      test("a signature of the wrong length is refused", async () => {
        const payload = btoa('{"msgtype":"getexecutorsmsg","colonyname":"dev"}');
        refused(
          await postWire(colony.endpoint, JSON.stringify({ payloadtype: "getexecutorsmsg", payload, signature: "ab" })),
          403,
          "Invalid signature length",
        );
      });

      test("a stranger's signature is a stranger", async () => {
        refused(
          await as(Identity.generate())("getexecutorsmsg", { colonyname: colony.colonyName }),
          403,
          `Access denied, not a member of Colony with name <${colony.colonyName}>`,
        );
      });

      test("a message type must be the payload type", async () => {
        refused(
          await callWire(
            colony.endpoint,
            "getexecutorsmsg",
            { colonyname: colony.colonyName },
            colony.user,
            "getusersmsg",
          ),
          400,
          "Failed to get executors, msg.MsgType does not match payloadType",
        );
      });

      test("an unknown payload type is refused", async () => {
        refused(await user("nonsensemsg"), 403, "invalid rpcMsg.PayloadType: nonsensemsg");
      });

      test("a wrong JSON type is invalid JSON", async () => {
        refused(
          await user("getprocessesmsg", { count: "ten", state: 0 }),
          400,
          "Failed to get processes, invalid JSON",
        );
      });

      test("unknown fields are ignored and names match in any case", async () => {
        const answer = await as(colony.user)("getcolonymsg", { ColonyName: colony.colonyName, nonsense: [1] });
        expect(asObject(answer.content)["name"]).toBe(colony.colonyName);
      });
    });

    describe("colonies and users", () => {
      test("only the server's owner adds colonies", async () => {
        refused(
          await owner("addcolonymsg", { colony: { colonyid: Identity.generate().id, name: unique("colony") } }),
          403,
          "Access denied, not server owner",
        );
      });

      test("a colony's name is unique", async () => {
        refused(
          await server("addcolonymsg", { colony: { colonyid: Identity.generate().id, name: colony.colonyName } }),
          400,
          `A Colony with name <${colony.colonyName}> already exists`,
        );
      });

      test("a colony's id has 64 characters", async () => {
        refused(
          await server("addcolonymsg", { colony: { colonyid: "short", name: unique("colony") } }),
          400,
          "Failed to add colony, invalid colony Id length",
        );
      });

      test("a colony can be added, listed and removed", async () => {
        const extra = { colonyid: Identity.generate().id, name: unique("colony") };
        expect((await server("addcolonymsg", { colony: extra })).content).toEqual(extra);
        expect(asList((await server("getcoloniesmsg")).content)).toContainEqual(extra);
        expect((await server("removecolonymsg", { colonyname: extra.name })).content).toEqual({});
      });

      test("the owner is no member", async () => {
        refused(
          await owner("getcolonymsg"),
          403,
          `Access denied, not a member of Colony with name <${colony.colonyName}>`,
        );
      });

      test("a user is added by the owner, once", async () => {
        const fields = {
          colonyname: colony.colonyName,
          userid: Identity.generate().id,
          name: unique("user"),
          email: "a@b",
          phone: "1",
        };
        refused(await user("addusermsg", { user: fields }), 403, "Access denied, not colony owner");
        expect((await owner("addusermsg", { user: fields })).content).toEqual(fields);
        refused(
          await owner("addusermsg", { user: fields }),
          400,
          `A user with name <${fields.name}> already exists in Colony with name <${colony.colonyName}>`,
        );
      });

      test("a user that does not exist is an internal error", async () => {
        const answer = await user("getusermsg", { name: "nobody" });
        expect(answer.status).toBe(500);
      });

      test("a user can be found by id and removed", async () => {
        const fields = {
          colonyname: colony.colonyName,
          userid: Identity.generate().id,
          name: unique("user"),
          email: "",
          phone: "",
        };
        await owner("addusermsg", { user: fields });
        expect(asObject((await user("getuserbyidmsg", { userid: fields.userid })).content)["name"]).toBe(fields.name);
        expect((await owner("removeusermsg", { name: fields.name })).content).toEqual({});
        expect((await user("getuserbyidmsg", { userid: fields.userid })).status).toBe(404);
      });

      test("statistics of the colony answer strangers with nothing", async () => {
        const answer = await as(Identity.generate())("getcolonystatsmsg", { colonyname: colony.colonyName });
        expect([answer.httpStatus, answer.text]).toEqual([200, ""]);
        expect(asObject((await user("getcolonystatsmsg")).content)["waitingprocesses"]).toBeNumber();
      });

      test("server statistics are for the server's owner", async () => {
        refused(await user("getstatisticsmsg"), 403, "Access denied, not server owner");
        expect(asObject((await server("getstatisticsmsg")).content)["colonies"]).toBeNumber();
      });
    });

    describe("executors", () => {
      const fieldsOf = (executorname: string, executortype: string, executorid = Identity.generate().id) => ({
        executor: { executorid, executortype, executorname, colonyname: colony.colonyName },
      });

      test("are added by the owner and begin as pending, never heard of", async () => {
        const name = unique("executor");
        refused(await user("addexecutormsg", fieldsOf(name, "t")), 403, "Access denied, not colony owner");
        const added = asObject((await owner("addexecutormsg", fieldsOf(name, "t"))).content);
        expect([added["state"], added["executorname"], String(added["lastheardfromtime"]).slice(0, 4)]).toEqual([
          0,
          name,
          "0001",
        ]);
      });

      test("keep their name for ever", async () => {
        const name = unique("executor");
        await owner("addexecutormsg", fieldsOf(name, "t"));
        const message = `Executor with name <${name}> in Colony <${colony.colonyName}> already exists`;
        refused(await owner("addexecutormsg", fieldsOf(name, "t")), 400, message);
        await owner("removeexecutormsg", { executorname: name });
        refused(await owner("addexecutormsg", fieldsOf(name, "t")), 400, message);
      });

      test("that are pending may list but not work", async () => {
        const identity = Identity.generate();
        const type = unique("type");
        await owner("addexecutormsg", fieldsOf(unique("executor"), type, identity.id));
        expect((await as(identity)("getexecutorsmsg", { colonyname: colony.colonyName })).status).toBe(200);
        refused(
          await assign(identity, { timeout: 1 }),
          403,
          `Access denied, not a member of Colony with name <${colony.colonyName}>`,
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
          await as(identity)("removeexecutormsg", { colonyname: colony.colonyName, executorname: name }),
          403,
          "Access denied, not colony owner",
        );
      });

      test("that do not exist are an internal error by name and not found by id", async () => {
        refused(
          await user("getexecutormsg", { executorname: "nobody" }),
          500,
          "Failed to get executor, executor is nil",
        );
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
          colonyname: colony.colonyName,
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
          colonyname: colony.colonyName,
          funcname: "echo",
        };
        expect((await other.call("addfunctionmsg", { fun })).status).toBe(403);
      });

      test("can be removed by their executor", async () => {
        const { type, name, call } = await newWorker();
        const fun = { executorname: name, executortype: type, colonyname: colony.colonyName, funcname: "echo" };
        const added = asObject((await call("addfunctionmsg", { fun })).content);
        expect((await call("removefunctionmsg", { functionid: added["functionid"] ?? "" })).content).toEqual({});
        expect((await user("getfunctionsmsg", { executorname: name })).content).toBeNull();
      });

      test("are gone after their executor was removed", async () => {
        const { type, name, call } = await newWorker();
        await call("addfunctionmsg", {
          fun: { executorname: name, executortype: type, colonyname: colony.colonyName, funcname: "echo" },
        });
        await owner("removeexecutormsg", { executorname: name });
        expect((await user("getfunctionsmsg", { executorname: name })).content).toBeNull();
      });
    });

    describe("submitting", () => {
      test("gives a waiting process with rewritten conditions", async () => {
        const process = await submit(unique("type"), { label: "l", conditions: { cpu: "1000m", mem: "1G" } });
        const conditions = asObject(asObject(process["spec"])["conditions"]);
        expect([process["state"], process["isassigned"], process["retries"], process["initiatorid"]]).toEqual([
          0,
          false,
          0,
          colony.user.id,
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
        refused(await assign(colony.user, { timeout: 1 }), 500, "Failed to assign process, executor not found");
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
        expect((await assign(identity, { timeout: -1, availablecpu: "4000m", availablemem: "512Mi" })).status).toBe(
          404,
        );
        expect((await assign(identity, { timeout: -1, availablecpu: "4000m", availablemem: "2Gi" })).status).toBe(200);
      });

      test("never gives 128 nodes", async () => {
        const { identity, type } = await newWorker();
        await submit(type, { conditions: { nodes: 128 } });
        expect((await assign(identity, { timeout: -1 })).status).toBe(404);
      });

      test("one process goes to one of many", async () => {
        const type = unique("type");
        const workers = await Promise.all([1, 2, 3].map(() => colony.addExecutor(unique("worker"), type)));
        const calls = workers.map((identity) => assign(identity, { timeout: 2 }));
        await submit(type);
        const answers = await Promise.all(calls);
        expect(answers.map((answer) => answer.status).sort()).toEqual([200, 404, 404]);
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
        } finally {
          await owner("resumeassignmentsmsg");
        }
        expect((await assign(identity)).status).toBe(200);
      });
    });

    describe("closing", () => {
      const running = async (fields: JsonObject = {}) => {
        const worker = await newWorker();
        const process = await submit(worker.type, fields);
        await assign(worker.identity);
        const processid = String(process["processid"]);
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
        const stranger = await colony.addExecutor(unique("worker"), type);
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

    describe("limits of time", () => {
      test("maxexectime 0 fails a process about a second after it started", async () => {
        const { identity, type } = await newWorker();
        const process = await submit(type, { maxexectime: 0, maxretries: 0 });
        await assign(identity);
        const after = await until(
          () => getProcess(process["processid"]),
          (row) => row["state"] === states.failed,
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
          (row) => row["state"] === states.failed,
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

      test("history answers strangers with nothing", async () => {
        const answer = await as(Identity.generate())("getprocesshistmsg", {
          colonyname: colony.colonyName,
          executorid: "",
          seconds: 60,
          state: 0,
        });
        expect([answer.httpStatus, answer.text]).toEqual([200, ""]);
      });
    });

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
            out: [String(asObject(given["spec"])["nodename"])],
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
        expect([...(await membersOf(graph)).values()].map((row) => row["state"])).toEqual([
          states.failed,
          states.failed,
        ]);
      });

      test("leave siblings alone when a leaf fails", async () => {
        const { identity, type, call } = await newWorker();
        const graph = await submitWorkflow([node(type, "a"), node(type, "b")]);
        const given = asObject((await assign(identity)).content);
        await call("closefailedmsg", { processid: given["processid"] ?? "", errors: ["x"] });
        expect([...(await membersOf(graph)).values()].map((row) => row["state"]).sort()).toEqual([
          states.waiting,
          states.failed,
        ]);
        expect(await stateOf(graph)).toBe(states.failed);
      });

      test("normalise maxexectime 0", async () => {
        const graph = await submitWorkflow([node(unique("type"), "a", [], { maxexectime: 0 })]);
        expect(asObject((await membersOf(graph)).get("a")?.["spec"])["maxexectime"]).toBe(-1);
      });

      const refusedWorkflow = (functionspecs: JsonObject[]) =>
        user("submitworkflowspecmsg", { spec: { colonyname: colony.colonyName, functionspecs } });
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
        expect((await user("getprocessmsg", { processid: (graph["processids"] as string[])[0] ?? "" })).status).toBe(
          404,
        );
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
          (await call("addexecutorlogmsg", { colonyname: colony.colonyName, executorname: name, message: "hello" }))
            .content,
        ).toEqual({});
        const logs = asList(
          (await user("getlogsmsg", { processid: "", executorname: name, count: 10, since: 0, latest: false })).content,
        );
        expect(logs.map((row) => [row["message"], row["processid"]])).toEqual([["hello", ""]]);
      });
    });

    describe("crons", () => {
      const workflowspec = (type: string) =>
        JSON.stringify({ colonyname: colony.colonyName, functionspecs: [node(type, "a")] });
      const cronOf = (fields: JsonObject = {}): JsonObject => ({
        cron: {
          colonyname: colony.colonyName,
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
        expect([cron["nextrun"], cron["lastrun"]].map((time) => String(time).slice(0, 4))).toEqual(["0001", "0001"]);
        const read = async () => asObject((await user("getcronmsg", { cronid: cron["cronid"] ?? "" })).content);
        expect(String((await until(read, (row) => !String(row["nextrun"]).startsWith("0001")))["nextrun"])).toContain(
          "T03:00:00",
        );
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

      test("have unique names", async () => {
        const cron = cronOf();
        await user("addcronmsg", cron);
        const { name } = asObject(cron["cron"]);
        refused(
          await user("addcronmsg", cron),
          400,
          `Cron with name <${String(name)}> in Colony <${colony.colonyName}> already exists`,
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
        expect([given["state"], given["initiatorid"]]).toEqual([states.running, colony.user.id]);
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
        const workflowspec = JSON.stringify({ colonyname: colony.colonyName, functionspecs: [node(type, "a")] });
        const fields = {
          colonyname: colony.colonyName,
          name: unique("generator"),
          workflowspec,
          trigger: 2,
          timeout: 0,
        };
        const generator = asObject((await user("addgeneratormsg", { generator: fields })).content);
        const generatorid = generator["generatorid"] ?? "";
        expect((await user("addgeneratormsg", { generator: fields })).status).toBe(400);
        for (const arg of ["x", "y"])
          expect((await user("packgeneratormsg", { generatorid, arg })).content).toEqual({});
        const given = asObject((await assign(identity, { timeout: 10 })).content);
        expect(asObject(given["spec"])["args"]).toEqual(["x", "y"]);
        expect(
          asObject((await user("resolvegeneratormsg", { generatorname: fields.name })).content)["generatorid"],
        ).toBe(generatorid);
        expect((await user("removegeneratormsg", { generatorid, all: false })).content).toEqual({});
      });
    });

    describe("blueprints", () => {
      const define = async (fields: JsonObject = {}): Promise<string> => {
        const kind = unique("Kind");
        const definition = {
          kind: "BlueprintDefinition",
          metadata: { name: `${kind}s`, colonyname: colony.colonyName },
          spec: { names: { kind }, handler: { executorType: "", functionName: "" }, ...fields },
        };
        expect((await owner("addblueprintdefinitionmsg", { blueprintdefinition: definition })).message).toBe("");
        return kind;
      };
      const blueprintOf = (kind: string, name: string, spec: JsonObject = {}, fields: JsonObject = {}): JsonObject => ({
        blueprint: { kind, metadata: { name, colonyname: colony.colonyName, generation: 1 }, spec, ...fields },
      });

      test("need a definition, which the owner adds once", async () => {
        const kind = await define();
        const again = {
          kind: "BlueprintDefinition",
          metadata: { name: `${kind}s`, colonyname: colony.colonyName },
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
          `BlueprintDefinition for kind 'Nope' not found in namespace '${colony.colonyName}'`,
        );
      });

      test("have names that are unique over all kinds", async () => {
        const [first, second] = [await define(), await define()];
        const name = unique("b");
        expect((await user("addblueprintmsg", blueprintOf(first, name))).status).toBe(200);
        refused(
          await user("addblueprintmsg", blueprintOf(second, name)),
          409,
          `blueprint with name '${name}' already exists in colony '${colony.colonyName}'`,
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
          await user("getblueprintmsg", { namespace: colony.colonyName, name: "none" }),
          404,
          "Blueprint not found",
        );
      });

      test("are listed by kind and by name, and null when there are none", async () => {
        const kind = await define();
        const list = () => user("getblueprintsmsg", { namespace: colony.colonyName, kind, locationname: "" });
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
        const row = asObject((await user("getblueprintmsg", { namespace: colony.colonyName, name })).content);
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
        expect((await user("removeblueprintmsg", { namespace: colony.colonyName, name })).content).toEqual({});
        expect((await user("getblueprinthistorymsg", { blueprintid: blueprintid ?? "", limit: 0 })).status).toBe(404);
      });

      test("hold their definition", async () => {
        const kind = await define();
        const name = unique("b");
        await user("addblueprintmsg", blueprintOf(kind, name));
        const remove = () => owner("removeblueprintdefinitionmsg", { namespace: colony.colonyName, name: `${kind}s` });
        refused(
          await remove(),
          409,
          `cannot remove BlueprintDefinition '${kind}s': 1 blueprint(s) of kind '${kind}' still exist`,
        );
        await user("removeblueprintmsg", { namespace: colony.colonyName, name });
        expect((await remove()).content).toEqual({});
      });

      test("with a handler start a process for it, and a cron", async () => {
        const { identity, type } = await newWorker();
        const kind = await define({ handler: { executorType: type, functionName: "reconcile" } });
        const name = unique("b");
        await user("addblueprintmsg", blueprintOf(kind, name));
        const given = asObject((await assign(identity)).content);
        const spec = asObject(given["spec"]);
        expect([spec["funcname"], asObject(spec["kwargs"])["kind"], asObject(spec["kwargs"])["blueprintName"]]).toEqual(
          ["reconcile", kind, name],
        );
        const crons = asList((await user("getcronsmsg", { count: 1000 })).content);
        expect(crons.map((cron) => cron["name"])).toContain(`reconcile-${kind}`);
        await user("removeblueprintmsg", { namespace: colony.colonyName, name });
        expect(asObject(asObject((await assign(identity)).content)["spec"])["funcname"]).toBe("cleanup");
      });

      test("without a handler cannot be reconciled", async () => {
        const kind = await define();
        const name = unique("b");
        await user("addblueprintmsg", blueprintOf(kind, name));
        refused(
          await user("reconcileblueprintmsg", { namespace: colony.colonyName, name, force: false }),
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
          asObject(asObject((await user("getblueprintmsg", { namespace: colony.colonyName, name })).content)["spec"])[
            "text"
          ],
        ).toBe(text);
      });
    });

    describe("files", () => {
      const fileOf = (label: string, name: string, checksum: string): JsonObject => ({
        file: {
          colonyname: colony.colonyName,
          label,
          name,
          size: 5,
          checksum,
          checksumalg: "SHA256",
          ref: {
            protocol: "s3",
            s3object: {
              server: "",
              port: -1,
              tls: false,
              accesskey: "",
              secretkey: "",
              region: "",
              encryptionkey: "",
              encryptionalg: "",
              object: "o",
              bucket: "b",
            },
          },
        },
      });

      test("keep their versions, newest first", async () => {
        const label = `/${unique("label")}`;
        for (const checksum of ["one", "two"])
          expect((await user("addfilemsg", fileOf(label, "f", checksum))).message).toBe("");
        const versions = asList((await user("getfilemsg", { label, name: "f" })).content);
        expect(versions.map((row) => row["checksum"])).toEqual(["two", "one"]);
        const listed = asList((await user("getfilesmsg", { label })).content);
        expect(listed.map((row) => [row["name"], row["checksum"]])).toEqual([["f", "two"]]);
      });

      test("that do not exist are not found", async () => {
        expect((await user("getfilemsg", { label: "/none", name: "f" })).status).toBe(404);
        expect((await user("getfilesmsg", { label: "/none" })).content).toEqual([]);
      });

      test("can be frozen in a snapshot", async () => {
        const label = `/${unique("label")}`;
        await user("addfilemsg", fileOf(label, "f", "one"));
        const name = unique("snapshot");
        const snapshot = asObject((await user("createsnapshotmsg", { label, name })).content);
        expect((snapshot["fileids"] as string[]).length).toBe(1);
        expect((await user("createsnapshotmsg", { label, name })).status).toBe(500);
        expect(asObject((await user("getsnapshotmsg", { name })).content)["snapshotid"]).toBe(
          snapshot["snapshotid"] ?? "",
        );
      });
    });

    describe("subscriptions", () => {
      const subscribe = (processid: JsonValue, state: number, timeout = 10): Promise<JsonObject> => {
        const message = {
          msgtype: "subscribeprocessmsg",
          colonyname: colony.colonyName,
          processid,
          executortype: "",
          state,
          timeout,
        };
        const payload = btoa(JSON.stringify(message));
        const socket = new WebSocket(`${colony.endpoint.replace("http", "ws")}/pubsub`);
        return new Promise((resolve, reject) => {
          socket.addEventListener("open", () =>
            socket.send(
              JSON.stringify({ payloadtype: "subscribeprocessmsg", payload, signature: colony.user.sign(payload) }),
            ),
          );
          socket.addEventListener("message", (event) => {
            const envelope = JSON.parse(String(event.data));
            resolve({ payloadtype: envelope.payloadtype, ...JSON.parse(atob(envelope.payload)) });
            socket.close();
          });
          socket.addEventListener("close", () => reject(new Error("closed")));
          socket.addEventListener("error", () => reject(new Error("error")));
        });
      };

      test("push a state that is already there", async () => {
        const process = await submit(unique("type"));
        const pushed = await subscribe(process["processid"] ?? "", states.waiting);
        expect([pushed["payloadtype"], pushed["processid"], pushed["state"]]).toEqual([
          "subscribeprocessmsg",
          process["processid"] ?? "",
          states.waiting,
        ]);
      });

      test("push a state when it comes", async () => {
        const { identity, type, call } = await newWorker();
        const processid = (await submit(type))["processid"] ?? "";
        await assign(identity);
        const pushed = subscribe(processid, states.success);
        await sleep(300);
        await call("closesuccessfulmsg", { processid, out: [] });
        expect((await pushed)["state"]).toBe(states.success);
      });

      test("end with the connection when their time is over", async () => {
        const process = await submit(unique("type"));
        expect(subscribe(process["processid"] ?? "", states.success, 1)).rejects.toThrow("closed");
        await sleep(2000);
      });
    });
  });
}

/** Reads until it fits; bounded, since the server's clockwork ticks once a second. */
async function until<T>(read: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (let turn = 0; turn < 60; turn++) {
    const value = await read();
    if (fits(value)) return value;
    await sleep(100);
  }
  throw new Error("it did not happen within six seconds");
}
