import type { JsonObject, JsonValue } from "@cpm/base";
import { executorStates, nullWhenEmpty, numberIn, objectIn, states, textIn } from "../colony-state.ts";
import type { ColonyState } from "../colony-state.ts";
import { zeroTime } from "../go-json.ts";
import { executorType, functionType } from "../go-types.ts";
import { unregister } from "../processes.ts";
import { Refusal } from "../refusal.ts";
import type { Row } from "../tables.ts";
import type { MethodTable } from "./method.ts";
import { empty } from "./method.ts";

const idLength = 64;

/** Server, colonies, users, executors, functions. */
export const administrationMethods: MethodTable = {
  getstatisticsmsg: {
    action: "get statistics",
    fields: {},
    run({ state, signer }) {
      state.requireServerOwner(signer);
      return statistics(state, undefined);
    },
  },
  getclustermsg: {
    action: "get cluster info",
    fields: {},
    run({ state, signer }) {
      state.requireServerOwner(signer);
      const node = { name: "dev", host: "127.0.0.1", port: 0, peerport: 0, relayport: 0, apiport: 0 };
      return { nodes: [node], leader: node };
    },
  },
  addcolonymsg: {
    action: "add colony",
    fields: { colony: { struct: { colonyid: "string", name: "string" } } },
    run({ state, signer, message }) {
      state.requireServerOwner(signer);
      const colony = objectIn(message, "colony");
      const name = textIn(colony, "name");
      if (textIn(colony, "colonyid").length !== idLength)
        throw new Refusal(400, "Failed to add colony, invalid colony Id length");
      if (state.colonies.get(name) !== undefined) throw new Refusal(400, `A Colony with name <${name}> already exists`);
      return state.colonies.set(name, colony);
    },
  },
  removecolonymsg: {
    action: "remove colony",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireServerOwner(signer);
      const name = textIn(message, "colonyname");
      if (!state.colonies.delete(name)) throw new Refusal(400, `Colony with name <${name}> not found`);
      const own = (row: Row) => row["colonyname"] === name;
      for (const table of [
        state.users,
        state.executors,
        state.graphs,
        state.generators,
        state.crons,
        state.functions,
        state.logs,
        state.files,
        state.snapshots,
        state.locations,
      ]) {
        table.deleteWhere(own);
      }
      state.processes.deleteWhere((row) => objectIn(objectIn(row, "spec"), "conditions")["colonyname"] === name);
      return empty;
    },
  },
  getcoloniesmsg: {
    action: "get colonies",
    fields: {},
    run({ state, signer }) {
      state.requireServerOwner(signer);
      return nullWhenEmpty(state.colonies.filter(() => true));
    },
  },
  getcolonymsg: {
    action: "get colony",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      return state.colonies.get(textIn(message, "colonyname")) ?? null;
    },
  },
  getcolonystatsmsg: {
    action: "get colony statistics",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      const name = textIn(message, "colonyname");
      if (state.colonies.get(name) === undefined) throw new Refusal(400, `Colony with name <${name}> not found`);
      // The server forgets to answer those who are not members.
      return state.isMember(signer, name, true) ? statistics(state, name) : undefined;
    },
  },
  addusermsg: {
    action: "add user",
    fields: {
      user: { struct: { colonyname: "string", userid: "string", name: "string", email: "string", phone: "string" } },
    },
    run({ state, signer, message }) {
      const user = objectIn(message, "user");
      const [colonyName, name] = [textIn(user, "colonyname"), textIn(user, "name")];
      if (state.colonies.get(colonyName) === undefined)
        throw new Refusal(400, `Colony with name <${colonyName}> does not exists`);
      state.requireColonyOwner(signer, colonyName);
      if (state.users.get(`${colonyName}:${name}`) !== undefined) {
        throw new Refusal(400, `A user with name <${name}> already exists in Colony with name <${colonyName}>`);
      }
      return state.users.set(`${colonyName}:${name}`, user);
    },
  },
  getusersmsg: {
    action: "get users",
    fields: { colonyname: "string" },
    run: ({ state, signer, message }) => {
      const name = requireColony(state, message);
      state.requireMember(signer, name, false);
      return nullWhenEmpty(state.users.filter((row) => row["colonyname"] === name));
    },
  },
  getusermsg: {
    action: "get user",
    fields: { colonyname: "string", name: "string" },
    run({ state, signer, message }) {
      const colonyName = requireColony(state, message);
      state.requireMember(signer, colonyName, false);
      const user = state.users.get(`${colonyName}:${textIn(message, "name")}`);
      if (user === undefined) throw new Refusal(500, "Failed to get user, user is nil");
      return user;
    },
  },
  getuserbyidmsg: {
    action: "get user by ID",
    fields: { colonyname: "string", userid: "string" },
    run({ state, signer, message }) {
      const colonyName = requireColony(state, message);
      state.requireMember(signer, colonyName, false);
      const user = state.users.find((row) => row["colonyname"] === colonyName && row["userid"] === message["userid"]);
      if (user === undefined) throw new Refusal(404, "Failed to get user by ID, user is nil");
      return user;
    },
  },
  removeusermsg: {
    action: "remove user",
    fields: { colonyname: "string", name: "string" },
    run({ state, signer, message }) {
      const colonyName = requireColony(state, message);
      state.requireColonyOwner(signer, colonyName);
      const name = textIn(message, "name");
      if (!state.users.delete(`${colonyName}:${name}`)) throw new Refusal(400, `User with name <${name}> not found`);
      return empty;
    },
  },
  changeuseridmsg: {
    action: "change user Id",
    fields: { colonyname: "string", userid: "string" },
    run({ state, signer, message }) {
      const [colonyName, userid] = [textIn(message, "colonyname"), textIn(message, "userid")];
      if (userid === "") throw new Refusal(400, "Failed to change user Id, user Id is empty");
      state.requireMember(signer, colonyName, false);
      const user = state.users.find((row) => row["colonyname"] === colonyName && row["userid"] === signer);
      if (user === undefined) throw new Refusal(400, "Failed to change user Id, user not found");
      if (userid.length !== idLength)
        throw new Refusal(400, "Failed to change user Id, new user Id is not 64 characters");
      state.users.update(`${colonyName}:${textIn(user, "name")}`, { userid });
      return message;
    },
  },
  changecolonyidmsg: {
    action: "change colony Id",
    fields: { colonyname: "string", colonyid: "string" },
    run({ state, signer, message }) {
      const [colonyName, colonyid] = [textIn(message, "colonyname"), textIn(message, "colonyid")];
      if (colonyid === "") throw new Refusal(400, "Failed to change colony Id, colony Id is empty");
      state.requireColonyOwner(signer, colonyName);
      if (colonyid.length !== idLength)
        throw new Refusal(400, "Failed to change colony Id, new colony Id is not 64 characters");
      state.colonies.update(colonyName, { colonyid });
      return message;
    },
  },
  pauseassignmentsmsg: pausing("pause assignments", true),
  resumeassignmentsmsg: pausing("resume assignments", false),
  getpausestatusmsg: {
    action: "get pause status",
    fields: { colonyname: "string" },
    replyType: "pausestatusreplymsg",
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireMember(signer, colonyName, false);
      return {
        msgtype: "pausestatusreplymsg",
        colonyname: colonyName,
        ispaused: state.pauses.get(colonyName) !== undefined,
      };
    },
  },
  addexecutormsg: {
    action: "add executor",
    fields: { executor: executorType },
    run: ({ state, signer, message }) => addExecutor(state, signer, objectIn(message, "executor")),
  },
  approveexecutormsg: deciding("approve executor", executorStates.approved),
  rejectexecutormsg: deciding("reject executor", executorStates.rejected),
  removeexecutormsg: {
    action: "remove executor",
    fields: { colonyname: "string", executorname: "string" },
    run({ state, signer, message }) {
      const executor = requireExecutor(state, message, "Failed to remove executor, executor is nil");
      state.requireColonyOwner(signer, textIn(executor, "colonyname"));
      unregister(state, executor);
      return empty;
    },
  },
  getexecutorsmsg: {
    action: "get executors",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"), false);
      return nullWhenEmpty(state.executors.filter((row) => row["colonyname"] === message["colonyname"]));
    },
  },
  getexecutormsg: {
    action: "get executor",
    fields: { colonyname: "string", executorname: "string" },
    run({ state, signer, message }) {
      const executor = requireExecutor(state, message, "Failed to get executor, executor is nil");
      state.requireMember(signer, textIn(executor, "colonyname"));
      return executor;
    },
  },
  getexecutorbyidmsg: {
    action: "get executor by ID",
    fields: { colonyname: "string", executorid: "string" },
    run({ state, signer, message }) {
      const executor = state.executorById(textIn(message, "executorid"), textIn(message, "colonyname"));
      if (executor === undefined) throw new Refusal(404, "Failed to get executor by ID, executor is nil");
      state.requireMember(signer, textIn(executor, "colonyname"));
      return executor;
    },
  },
  updateexecutormsg: reporting("update executor", "capabilities", "Only an executor can update its own capabilities"),
  reportallocationmsg: reporting(
    "report allocation",
    "allocations",
    "Only an executor can report allocations to itself",
  ),
  changeexecutoridmsg: {
    action: "change executor Id",
    fields: { colonyname: "string", executorid: "string" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireMember(signer, colonyName, false);
      const executor = state.executorById(signer, colonyName);
      if (executor === undefined) throw new Refusal(400, "Failed to change executor Id, executor not found");
      if (textIn(message, "executorid").length !== idLength)
        throw new Refusal(400, "Failed to change executor Id, new executor Id is not 64 characters");
      state.executors.update(`${colonyName}:${textIn(executor, "executorname")}`, {
        executorid: textIn(message, "executorid"),
      });
      return { ...message, msgtype: "changeexecutoridmsg" };
    },
  },
  addfunctionmsg: {
    action: "add function",
    fields: { fun: functionType },
    run({ state, signer, message }) {
      const fun = objectIn(message, "fun");
      const [colonyName, name] = [textIn(fun, "colonyname"), textIn(fun, "executorname")];
      state.requireMember(signer, colonyName);
      const executor = state.executors.get(`${colonyName}:${name}`);
      if (executor === undefined)
        throw new Refusal(400, `Failed to add function, Executor with name <${name}> does not exist`);
      if (executor["executorid"] !== signer)
        throw new Refusal(403, "Not allowed to add a function to another executor");
      const functionid = state.newId();
      const statisticsOfNone = {
        counter: 0,
        minwaittime: 0,
        maxwaittime: 0,
        minexectime: 0,
        maxexectime: 0,
        avgwaittime: 0,
        avgexectime: 0,
      };
      return state.functions.set(functionid, {
        functionid,
        ...fun,
        locationname: executor["locationname"] ?? "",
        ...statisticsOfNone,
      });
    },
  },
  getfunctionsmsg: {
    action: "get function",
    fields: { colonyname: "string", executorname: "string" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const name = textIn(message, "executorname");
      return nullWhenEmpty(
        state.functions.filter(
          (row) => row["colonyname"] === message["colonyname"] && (name === "" || row["executorname"] === name),
        ),
      );
    },
  },
  removefunctionmsg: {
    action: "remove function",
    fields: { functionid: "string" },
    run({ state, signer, message }) {
      const entry = state.functions.get(textIn(message, "functionid"));
      if (entry === undefined) throw new Refusal(404, "Failed to remove function, function does not exist");
      const colonyName = textIn(entry, "colonyname");
      state.requireMember(signer, colonyName);
      const owner = state.executors.get(`${colonyName}:${textIn(entry, "executorname")}`);
      if (owner?.["executorid"] !== signer)
        throw new Refusal(403, "Not allowed to remove a function from another executor");
      state.functions.delete(textIn(message, "functionid"));
      return empty;
    },
  },
};

function addExecutor(state: ColonyState, signer: string, executor: JsonObject): JsonValue {
  const [colonyName, name] = [textIn(executor, "colonyname"), textIn(executor, "executorname")];
  state.requireColonyOwner(signer, colonyName);
  const known = state.executors.get(`${colonyName}:${name}`);
  if (known !== undefined) {
    if (!state.settings.allowReregister)
      throw new Refusal(400, `Executor with name <${name}> in Colony <${colonyName}> already exists`);
    unregister(state, known);
  }
  return state.executors.set(`${colonyName}:${name}`, {
    ...executor,
    state: executorStates.pending,
    commissiontime: state.now(),
    lastheardfromtime: zeroTime,
  });
}

function requireColony(state: ColonyState, message: JsonObject): string {
  const name = textIn(message, "colonyname");
  if (state.colonies.get(name) === undefined) throw new Refusal(400, `Colony with name <${name}> does not exists`);
  return name;
}

function requireExecutor(state: ColonyState, message: JsonObject, otherwise: string): Row {
  const executor = state.executors.get(`${textIn(message, "colonyname")}:${textIn(message, "executorname")}`);
  if (executor === undefined) throw new Refusal(500, otherwise);
  return executor;
}

function pausing(action: string, paused: boolean) {
  return {
    action,
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireColonyOwner(signer, colonyName);
      if (paused) state.pauses.set(colonyName, { colonyname: colonyName });
      else state.pauses.delete(colonyName);
      return empty;
    },
  } satisfies MethodTable[string];
}

function deciding(action: string, decision: number) {
  return {
    action,
    fields: { colonyname: "string", executorname: "string" },
    run({ state, signer, message }) {
      const executor = requireExecutor(state, message, `Failed to ${action}, executor is nil`);
      const colonyName = textIn(executor, "colonyname");
      state.requireColonyOwner(signer, colonyName);
      state.executors.update(`${colonyName}:${textIn(executor, "executorname")}`, { state: decision });
      return empty;
    },
  } satisfies MethodTable[string];
}

function reporting(action: string, field: "capabilities" | "allocations", otherwise: string) {
  const types = executorType as { struct: Record<string, MethodTable[string]["fields"][string]> };
  return {
    action,
    fields: { colonyname: "string", executorname: "string", [field]: types.struct[field] ?? "any" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireMember(signer, colonyName, false);
      const key = `${colonyName}:${textIn(message, "executorname")}`;
      const executor = state.executors.get(key);
      if (executor === undefined)
        throw new Refusal(400, `Executor with name <${textIn(message, "executorname")}> does not exist`);
      if (executor["executorid"] !== signer) throw new Refusal(400, otherwise);
      state.executors.update(key, { [field]: message[field] ?? null });
      return empty;
    },
  } satisfies MethodTable[string];
}

function statistics(state: ColonyState, colonyName: string | undefined): JsonObject {
  const of = (name: JsonValue | undefined) => colonyName === undefined || name === colonyName;
  const processes = state.processes.filter((row) => of(objectIn(objectIn(row, "spec"), "conditions")["colonyname"]));
  const graphs = state.graphs.filter((row) => of(row["colonyname"]));
  const executors = state.executors.filter((row) => of(row["colonyname"]));
  const counts: Record<string, number> = {
    colonies: state.colonies.filter(() => true).length,
    executors: executors.length,
    activeexecutors: executors.filter((row) => numberIn(row, "state") === executorStates.approved).length,
    unregisteredexecutors: executors.filter((row) => numberIn(row, "state") === executorStates.unregistered).length,
  };
  const names = {
    waiting: "waiting",
    running: "running",
    success: "successful",
    failed: "failed",
    cancelled: "cancelled",
  } as const;
  for (const [key, number] of Object.entries(states)) {
    const name = names[key as keyof typeof names];
    counts[`${name}processes`] = processes.filter((row) => row["state"] === number).length;
    counts[`${name}workflows`] = graphs.filter((row) => row["state"] === number).length;
  }
  return counts;
}
