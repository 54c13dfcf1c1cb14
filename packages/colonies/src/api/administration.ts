import type { JsonObject } from "@cpm/base";
import { readColony, readExecutor, readFunction, readUser } from "../colony-types.ts";
import type { Colony, ColonyFunction, Executor, Statistics, User } from "../colony-types.ts";
import type { CallOptions, Caller } from "../transport.ts";
import { checkName, flagOf, readList, readObject } from "../wire.ts";

/** The server itself. `version` and `info` are answered without a signature; the rest is for the server's owner. */
export class ServerApi {
  readonly #caller: Caller;
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async version(options?: CallOptions): Promise<JsonObject> {
    return readObject(
      await this.#caller.call("versionmsg", { buildversion: "", buildtime: "" }, options),
      "versionmsg",
    );
  }

  async info(options?: CallOptions): Promise<JsonObject> {
    return readObject(await this.#caller.call("getserverinfomsg", {}, options), "getserverinfomsg");
  }

  async statistics(options?: CallOptions): Promise<Statistics> {
    return readObject(await this.#caller.call("getstatisticsmsg", {}, options), "getstatisticsmsg");
  }

  async cluster(options?: CallOptions): Promise<JsonObject> {
    return readObject(await this.#caller.call("getclustermsg", {}, options), "getclustermsg");
  }

  async addColony(colony: Colony, options?: CallOptions): Promise<Colony> {
    const message = { colony: { colonyid: colony.id, name: checkName(colony.name, "a colony") } };
    return readColony(readObject(await this.#caller.call("addcolonymsg", message, options), "addcolonymsg"));
  }

  /** Blueprints and their definitions stay: they reappear in a later colony of the same name. */
  async removeColony(colonyName: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removecolonymsg", { colonyname: colonyName }, options);
  }

  async colonies(options?: CallOptions): Promise<Colony[]> {
    return readList(await this.#caller.call("getcoloniesmsg", {}, options), "getcoloniesmsg", readColony);
  }
}

/** One colony: its users, and whether work is given out. Changes are for the colony's owner. */
export class ColonyApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  async get(options?: CallOptions): Promise<Colony> {
    return readColony(readObject(await this.#call("getcolonymsg", {}, options), "getcolonymsg"));
  }

  async statistics(options?: CallOptions): Promise<Statistics> {
    return readObject(await this.#call("getcolonystatsmsg", {}, options), "getcolonystatsmsg");
  }

  async addUser(user: Pick<User, "id" | "name"> & Partial<User>, options?: CallOptions): Promise<User> {
    const { id, name, email = "", phone = "" } = user;
    const message = {
      user: { colonyname: this.#colonyName, userid: id, name: checkName(name, "a user"), email, phone },
    };
    return readUser(readObject(await this.#caller.call("addusermsg", message, options), "addusermsg"));
  }

  async users(options?: CallOptions): Promise<User[]> {
    return readList(await this.#call("getusersmsg", {}, options), "getusersmsg", readUser);
  }

  async user(name: string, options?: CallOptions): Promise<User> {
    return readUser(readObject(await this.#call("getusermsg", { name }, options), "getusermsg"));
  }

  async userById(userId: string, options?: CallOptions): Promise<User> {
    return readUser(readObject(await this.#call("getuserbyidmsg", { userid: userId }, options), "getuserbyidmsg"));
  }

  async removeUser(name: string, options?: CallOptions): Promise<void> {
    await this.#call("removeusermsg", { name }, options);
  }

  /** For the user: from now on another key is theirs. */
  async changeUserId(userId: string, options?: CallOptions): Promise<void> {
    await this.#call("changeuseridmsg", { userid: userId }, options);
  }

  /** For the owner: from now on another key is the owner's. */
  async changeOwnerId(colonyId: string, options?: CallOptions): Promise<void> {
    await this.#call("changecolonyidmsg", { colonyid: colonyId }, options);
  }

  async pauseAssignments(options?: CallOptions): Promise<void> {
    await this.#call("pauseassignmentsmsg", {}, options);
  }

  async resumeAssignments(options?: CallOptions): Promise<void> {
    await this.#call("resumeassignmentsmsg", {}, options);
  }

  async isPaused(options?: CallOptions): Promise<boolean> {
    return flagOf(readObject(await this.#call("getpausestatusmsg", {}, options), "getpausestatusmsg"), "ispaused");
  }

  #call(payloadType: string, message: JsonObject, options: CallOptions | undefined) {
    return this.#caller.call(payloadType, { colonyname: this.#colonyName, ...message }, options);
  }
}

export interface NewExecutor {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly locationName?: string;
  /** `{hardware: [...], software: [...]}`: both are lists. */
  readonly capabilities?: JsonObject;
}

/** Executors and the functions that they offer. */
export class ExecutorApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  /** For the colony's owner. The executor is pending until it is approved. */
  async add(executor: NewExecutor, options?: CallOptions): Promise<Executor> {
    const { id, name, type, locationName, capabilities } = executor;
    const fields = {
      executorid: id,
      executortype: type,
      executorname: checkName(name, "an executor"),
      colonyname: this.#colonyName,
      ...(locationName === undefined ? {} : { locationname: locationName }),
      ...(capabilities === undefined ? {} : { capabilities }),
    };
    return readExecutor(
      readObject(await this.#caller.call("addexecutormsg", { executor: fields }, options), "addexecutormsg"),
    );
  }

  /** Also revives one that the server removed as stale. */
  async approve(name: string, options?: CallOptions): Promise<void> {
    await this.#call("approveexecutormsg", { executorname: name }, options);
  }

  async reject(name: string, options?: CallOptions): Promise<void> {
    await this.#call("rejectexecutormsg", { executorname: name }, options);
  }

  async remove(name: string, options?: CallOptions): Promise<void> {
    await this.#call("removeexecutormsg", { executorname: name }, options);
  }

  /** All that ever were, the unregistered ones too. */
  async list(options?: CallOptions): Promise<Executor[]> {
    return readList(await this.#call("getexecutorsmsg", {}, options), "getexecutorsmsg", readExecutor);
  }

  async get(name: string, options?: CallOptions): Promise<Executor> {
    return readExecutor(
      readObject(await this.#call("getexecutormsg", { executorname: name }, options), "getexecutormsg"),
    );
  }

  async getById(executorId: string, options?: CallOptions): Promise<Executor> {
    return readExecutor(
      readObject(await this.#call("getexecutorbyidmsg", { executorid: executorId }, options), "getexecutorbyidmsg"),
    );
  }

  /** For the executor itself. */
  async updateCapabilities(name: string, capabilities: JsonObject, options?: CallOptions): Promise<void> {
    await this.#call("updateexecutormsg", { executorname: name, capabilities }, options);
  }

  async reportAllocations(name: string, allocations: JsonObject, options?: CallOptions): Promise<void> {
    await this.#call("reportallocationmsg", { executorname: name, allocations }, options);
  }

  /** For the executor: from now on another key is its own. */
  async changeId(executorId: string, options?: CallOptions): Promise<void> {
    await this.#call("changeexecutoridmsg", { executorid: executorId }, options);
  }

  /** For the executor itself. The server keeps duplicates: list first. */
  async addFunction(
    entry: Pick<ColonyFunction, "name" | "executorName" | "executorType"> & { description?: string },
    options?: CallOptions,
  ): Promise<ColonyFunction> {
    const fun = {
      executorname: entry.executorName,
      executortype: entry.executorType,
      colonyname: this.#colonyName,
      funcname: entry.name,
      description: entry.description ?? "",
    };
    return readFunction(readObject(await this.#caller.call("addfunctionmsg", { fun }, options), "addfunctionmsg"));
  }

  /** Of one executor, or of the whole colony. */
  async functions(executorName = "", options?: CallOptions): Promise<ColonyFunction[]> {
    return readList(
      await this.#call("getfunctionsmsg", { executorname: executorName }, options),
      "getfunctionsmsg",
      readFunction,
    );
  }

  async removeFunction(functionId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removefunctionmsg", { functionid: functionId }, options);
  }

  #call(payloadType: string, message: JsonObject, options: CallOptions | undefined) {
    return this.#caller.call(payloadType, { colonyname: this.#colonyName, ...message }, options);
  }
}
