import { expect } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Identity } from "@cpm/colonies";
import { asObject, callWire, textOf } from "./wire.ts";
import type { Answer, ColonyUnderTest } from "./wire.ts";

export const states = { waiting: 0, running: 1, success: 2, failed: 3, cancelled: 4 } as const;

export type Behaviour = ReturnType<typeof createBehaviour>;

/** What all areas of the suite share: calls as each role, and the making of work. `own` answers the started colony. */
export function createBehaviour(own: () => ColonyUnderTest) {
  let count = 0;
  const unique = (prefix: string) => `${prefix}${++count}`;
  const as = (identity: Identity | undefined) => (payloadType: string, message: JsonObject) =>
    callWire(own().endpoint, payloadType, message, identity);
  const user = (payloadType: string, message: JsonObject = {}) =>
    as(own().user)(payloadType, { colonyname: own().colonyName, ...message });
  const owner = (payloadType: string, message: JsonObject = {}) =>
    as(own().colonyOwner)(payloadType, { colonyname: own().colonyName, ...message });
  const server = (payloadType: string, message: JsonObject = {}) => as(own().serverOwner)(payloadType, message);

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
        colonyname: own().colonyName,
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
    const identity = await own().addExecutor(executor, type);
    return { type, name: executor, identity, call: as(identity) };
  };
  const assign = (identity: Identity, fields: JsonObject = {}): Promise<Answer> =>
    as(identity)("assignprocessmsg", {
      colonyname: own().colonyName,
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
    const answer = await user("submitworkflowspecmsg", { spec: { colonyname: own().colonyName, functionspecs } });
    expect(answer.message).toBe("");
    return asObject(
      (await user("getprocessgraphmsg", { processgraphid: asObject(answer.content)["processgraphid"] ?? "" })).content,
    );
  };
  const membersOf = async (graph: JsonObject): Promise<Map<string, JsonObject>> => {
    const fresh = asObject(
      (await user("getprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" })).content,
    );
    const rows = await Promise.all((fresh["processids"] as string[]).map(getProcess));
    return new Map(rows.map((row) => [textOf(asObject(row["spec"])["nodename"]), row]));
  };
  const stateOf = async (graph: JsonObject): Promise<JsonValue | undefined> =>
    asObject((await user("getprocessgraphmsg", { processgraphid: graph["processgraphid"] ?? "" })).content)["state"];
  const refused = (answer: Answer, status: number, message: string): void => {
    expect([answer.status, answer.message]).toEqual([status, message]);
    expect(answer.httpStatus).toBe(status);
  };

  return {
    get colony() {
      return own();
    },
    unique,
    as,
    user,
    owner,
    server,
    specOf,
    submit,
    newWorker,
    assign,
    getProcess,
    node,
    submitWorkflow,
    membersOf,
    stateOf,
    refused,
  };
}

/** Reads until it fits; bounded, since the server's clockwork ticks once a second. */
export async function until<T>(read: () => Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (let turn = 0; turn < 60; turn++) {
    const value = await read();
    if (fits(value)) return value;
    await sleep(100);
  }
  throw new Error("it did not happen within six seconds");
}
