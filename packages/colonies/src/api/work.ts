import { isCpmError } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { readLogEntry } from "../colony-types.ts";
import type { LogEntry } from "../colony-types.ts";
import { completeSpec, readProcess, readWorkflow, stateNumber } from "../process-types.ts";
import type { FunctionSpec, Process, ProcessState, Workflow } from "../process-types.ts";
import type { CallOptions, Caller } from "../transport.ts";
import { readList, readObject } from "../wire.ts";

/** The server gives at most this many processes or workflows in one list. */
const maxListCount = 100;
/** … and this many log entries. */
const maxLogCount = 500;

export interface ProcessFilter {
  readonly state: ProcessState;
  /** At most 100. Default 100. */
  readonly count?: number;
  /** Only one of the three counts: `executorType` before `initiator` before `label`. */
  readonly executorType?: string;
  readonly initiator?: string;
  readonly label?: string;
}

export interface AssignOptions extends CallOptions {
  /** How long the server may wait for work, in whole seconds from 1. Default 20. */
  readonly waitSeconds?: number;
  /** `4000m`; empty for unlimited. */
  readonly availableCpu?: string;
  /** `8Gi`; empty for unlimited. */
  readonly availableMemory?: string;
}

/** Processes: single function calls, as they wait, run and end. */
export class ProcessApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  async submit(spec: FunctionSpec, options?: CallOptions): Promise<Process> {
    const message = { spec: completeSpec(spec, this.#colonyName) };
    return readProcess(readObject(await this.#caller.call("submitfuncspecmsg", message, options), "submitfuncspecmsg"));
  }

  /** For an executor: the next process that fits, now running; undefined when none came in time. */
  async assign(options: AssignOptions = {}): Promise<Process | undefined> {
    const { waitSeconds = 20, availableCpu = "", availableMemory = "", signal } = options;
    const message = {
      colonyname: this.#colonyName,
      timeout: waitSeconds,
      availablecpu: availableCpu,
      availablemem: availableMemory,
    };
    const timeoutMs = (options.timeoutMs ?? 15_000) + Math.max(0, waitSeconds) * 1000;
    try {
      return readProcess(
        readObject(await this.#caller.call("assignprocessmsg", message, { signal, timeoutMs }), "assignprocessmsg"),
      );
    } catch (error) {
      if (isCpmError(error, "colonies/no-process")) return undefined;
      throw error;
    }
  }

  async get(processId: string, options?: CallOptions): Promise<Process> {
    return readProcess(
      readObject(await this.#caller.call("getprocessmsg", { processid: processId }, options), "getprocessmsg"),
    );
  }

  /** Ended ones come newest first, and there is no second page. */
  async list(filter: ProcessFilter, options?: CallOptions): Promise<Process[]> {
    const { state, count = maxListCount, executorType = "", initiator = "", label = "" } = filter;
    const message = {
      colonyname: this.#colonyName,
      count,
      state: stateNumber(state),
      executortype: executorType,
      initiator,
      label,
    };
    return readList(await this.#caller.call("getprocessesmsg", message, options), "getprocessesmsg", readProcess);
  }

  /** All that were submitted in the last `seconds`. */
  async history(seconds: number, state: ProcessState, executorId = "", options?: CallOptions): Promise<Process[]> {
    const message = { colonyname: this.#colonyName, executorid: executorId, seconds, state: stateNumber(state) };
    return readList(await this.#caller.call("getprocesshistmsg", message, options), "getprocesshistmsg", readProcess);
  }

  async closeSuccessful(processId: string, output: readonly JsonValue[] = [], options?: CallOptions): Promise<void> {
    await this.#caller.call("closesuccessfulmsg", { processid: processId, out: output }, options);
  }

  async closeFailed(processId: string, errors: readonly string[], options?: CallOptions): Promise<void> {
    const texts = errors.map((error) => error.replaceAll("\0", "\uFFFD"));
    await this.#caller.call("closefailedmsg", { processid: processId, errors: texts }, options);
  }

  async setOutput(processId: string, output: readonly JsonValue[], options?: CallOptions): Promise<void> {
    await this.#caller.call("setoutputmsg", { processid: processId, out: output }, options);
  }

  /** Changes the state only: the executor must notice by itself. Not for members of a workflow. */
  async cancel(processId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("cancelprocessmsg", { processid: processId }, options);
  }

  async remove(processId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removeprocessmsg", { processid: processId, all: false }, options);
  }

  /** For the colony's owner, and for the whole colony. Without a state also those that run. */
  async removeAll(state?: ProcessState, options?: CallOptions): Promise<void> {
    const message = { colonyname: this.#colonyName, state: state === undefined ? -1 : stateNumber(state) };
    await this.#caller.call("removeallprocessesmsg", message, options);
  }

  /**
   * For the executor that the process is assigned to. The server cannot keep U+0000, and answers it with what is no
   * answer: it is sent as U+FFFD.
   */
  async addLog(processId: string, message: string, options?: CallOptions): Promise<void> {
    const text = message.replaceAll("\0", "\uFFFD");
    await this.#caller.call("addlogmsg", { processid: processId, message: text }, options);
  }

  async addAttribute(attribute: JsonObject, options?: CallOptions): Promise<JsonObject> {
    return readObject(await this.#caller.call("addattributemsg", { attribute }, options), "addattributemsg");
  }

  async getAttribute(attributeId: string, options?: CallOptions): Promise<JsonObject> {
    return readObject(
      await this.#caller.call("getattributemsg", { attributeid: attributeId }, options),
      "getattributemsg",
    );
  }
}

/** Workflows: graphs of processes. */
export class WorkflowApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  /** The graph must have been checked: the server takes cycles, and keeps an empty graph for a wrong dependency. */
  async submit(functionSpecs: readonly FunctionSpec[], options?: CallOptions): Promise<Workflow> {
    const message = {
      spec: {
        colonyname: this.#colonyName,
        functionspecs: functionSpecs.map((spec) => completeSpec(spec, this.#colonyName)),
      },
    };
    return readWorkflow(
      readObject(await this.#caller.call("submitworkflowspecmsg", message, options), "submitworkflowspecmsg"),
    );
  }

  async get(workflowId: string, options?: CallOptions): Promise<Workflow> {
    return readWorkflow(
      readObject(
        await this.#caller.call("getprocessgraphmsg", { processgraphid: workflowId }, options),
        "getprocessgraphmsg",
      ),
    );
  }

  async list(state: ProcessState, count: number = maxListCount, options?: CallOptions): Promise<Workflow[]> {
    const message = { colonyname: this.#colonyName, count, state: stateNumber(state) };
    return readList(
      await this.#caller.call("getprocessgraphsmsg", message, options),
      "getprocessgraphsmsg",
      readWorkflow,
    );
  }

  /** Sends no event to subscribers, and does not stop what runs. */
  async cancel(workflowId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("cancelprocessgraphmsg", { processgraphid: workflowId }, options);
  }

  async remove(workflowId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removeprocessgraphmsg", { processgraphid: workflowId, all: false }, options);
  }

  async removeAll(state?: ProcessState, options?: CallOptions): Promise<void> {
    const message = { colonyname: this.#colonyName, state: state === undefined ? -1 : stateNumber(state) };
    await this.#caller.call("removeallprocessgraphsmsg", message, options);
  }

  /** For the executor that runs the parent. With `insert` the child comes before all the parent's children. */
  async addChild(
    child: { workflowId: string; parentId: string; childId?: string; spec: FunctionSpec; insert?: boolean },
    options?: CallOptions,
  ): Promise<Process> {
    const message = {
      processgraphid: child.workflowId,
      parentprocessid: child.parentId,
      childprocessid: child.childId ?? "",
      spec: completeSpec(child.spec, this.#colonyName),
      insert: child.insert ?? false,
    };
    return readProcess(readObject(await this.#caller.call("addchildmsg", message, options), "addchildmsg"));
  }
}

export interface LogFilter {
  /** At most 500. Default 500. */
  readonly count?: number;
  /** Entries after this time, in UTC nanoseconds. */
  readonly sinceNs?: bigint;
  /** The last `count` in place of the first. */
  readonly latest?: boolean;
}

/** What processes and executors wrote. */
export class LogApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  async ofProcess(processId: string, filter: LogFilter = {}, options?: CallOptions): Promise<LogEntry[]> {
    return this.#list({ processid: processId, executorname: "" }, filter, options);
  }

  async ofExecutor(executorName: string, filter: LogFilter = {}, options?: CallOptions): Promise<LogEntry[]> {
    return this.#list({ processid: "", executorname: executorName }, filter, options);
  }

  async search(text: string, days: number, count: number = maxListCount, options?: CallOptions): Promise<LogEntry[]> {
    const message = { colonyname: this.#colonyName, text, days, count };
    return readList(await this.#caller.call("searchlogsmsg", message, options), "searchlogsmsg", readLogEntry);
  }

  /** For the executor itself. */
  async addForExecutor(executorName: string, message: string, options?: CallOptions): Promise<void> {
    await this.#caller.call(
      "addexecutorlogmsg",
      { colonyname: this.#colonyName, executorname: executorName, message },
      options,
    );
  }

  async #list(of: JsonObject, filter: LogFilter, options: CallOptions | undefined): Promise<LogEntry[]> {
    const { count = maxLogCount, sinceNs = 0n, latest = false } = filter;
    const message = { colonyname: this.#colonyName, ...of, count, since: sinceNs, latest };
    return readList(await this.#caller.call("getlogsmsg", message, options), "getlogsmsg", readLogEntry);
  }
}
