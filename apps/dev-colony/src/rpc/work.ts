import type { JsonObject, JsonValue } from "@cpm/base";
import { listIn, nullWhenEmpty, numberIn, objectIn, states, textIn } from "../colony-state.ts";
import type { ColonyState } from "../colony-state.ts";
import { functionSpecType, workflowSpecType } from "../go-types.ts";
import { addProcess, cancelProcess, closeFailed, closeSuccessful, normaliseSpec } from "../processes.ts";
import { Refusal } from "../refusal.ts";
import type { Row } from "../tables.ts";
import { addChild, cancelGraph, removeGraph, submitWorkflow } from "../workflows.ts";
import type { MethodCall, MethodTable } from "./method.ts";
import { empty } from "./method.ts";

const maxCount = 100;
const maxLogCount = 500;
const maxDays = 30;

/** Processes, workflows and logs. Assignment waits, and lives with the server. */
export const workMethods: MethodTable = {
  submitfuncspecmsg: { action: "submit process", fields: { spec: functionSpecType }, run: submit },
  getprocessmsg: {
    action: "get process",
    fields: { processid: "string" },
    run: ({ state, signer, message }) => {
      const process = state.processes.get(textIn(message, "processid"));
      if (process === undefined) throw new Refusal(404, "Failed to get process, process not found");
      state.requireMember(signer, colonyOf(process));
      return process;
    },
  },
  getprocessesmsg: {
    action: "get processes",
    fields: {
      colonyname: "string",
      count: "int",
      state: "int",
      executortype: "string",
      label: "string",
      initiator: "string",
    },
    run: listProcesses,
  },
  getprocesshistmsg: {
    action: "get process history",
    fields: { colonyname: "string", executorid: "string", seconds: "int", state: "int" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      // The server forgets to answer those who are not members.
      if (!state.isMember(signer, colonyName, true)) return undefined;
      const since = state.settings.now() - numberIn(message, "seconds") * 1000;
      const executorId = textIn(message, "executorid");
      return nullWhenEmpty(
        state.processes.filter(
          (row) =>
            colonyOf(row) === colonyName &&
            row["state"] === message["state"] &&
            Date.parse(textIn(row, "submissiontime")) >= since &&
            (executorId === "" || row["assignedexecutorid"] === executorId),
        ),
      );
    },
  },
  closesuccessfulmsg: {
    action: "close process as successful",
    fields: { processid: "string", out: { list: "any" } },
    run({ state, signer, message }) {
      closeSuccessful(
        state,
        requireAssigned(state, signer, message, "close process as successful"),
        listIn(message, "out"),
      );
      return empty;
    },
  },
  closefailedmsg: {
    action: "close process as failed",
    fields: { processid: "string", errors: { list: "string" } },
    run({ state, signer, message }) {
      closeFailed(state, requireAssigned(state, signer, message, "close process as failed"), listIn(message, "errors"));
      return empty;
    },
  },
  setoutputmsg: {
    action: "set output",
    fields: { processid: "string", out: { list: "any" } },
    run({ state, signer, message }) {
      const process = requireProcess(state, signer, message, "Failed to set output, process is nil");
      if (process["assignedexecutorid"] !== signer) {
        throw new Refusal(403, "Failed to close process as successful, not allowed to close process as successful");
      }
      if (process["state"] !== states.running) throw new Refusal(403, "Failed to set output, process is not running");
      if (listIn(message, "out").length > 0)
        state.processes.update(textIn(process, "processid"), { out: listIn(message, "out") });
      return empty;
    },
  },
  cancelprocessmsg: {
    action: "cancel process",
    fields: { processid: "string" },
    run({ state, signer, message }) {
      const process = requireProcess(state, signer, message, "Failed to cancel process, process is nil");
      if (textIn(process, "processgraphid") !== "") {
        throw new Refusal(
          400,
          "Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead",
        );
      }
      cancelProcess(state, process);
      return empty;
    },
  },
  removeprocessmsg: {
    action: "remove process",
    fields: { processid: "string", all: "bool" },
    run({ state, signer, message }) {
      const process = requireProcess(state, signer, message, "Failed to remove process, process is nil");
      if (textIn(process, "processgraphid") !== "") {
        throw new Refusal(
          400,
          "Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead",
        );
      }
      if (process["state"] === states.running)
        throw new Refusal(400, "Failed to remove process, cannot remove a running process");
      state.processes.delete(textIn(process, "processid"));
      return empty;
    },
  },
  removeallprocessesmsg: {
    action: "remove all processes",
    fields: { colonyname: "string", state: "int" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireColonyOwner(signer, colonyName);
      const wanted = removableState(
        message,
        "Not possible to remove running processes",
        "Invalid state when deleting all processes",
      );
      state.processes.deleteWhere(
        (row) =>
          colonyOf(row) === colonyName &&
          textIn(row, "processgraphid") === "" &&
          (wanted === -1 || row["state"] === wanted),
      );
      return empty;
    },
  },
  submitworkflowspecmsg: {
    action: "submit workflow",
    fields: { spec: workflowSpecType },
    run({ state, signer, message }) {
      const spec = objectIn(message, "spec");
      const colonyName = textIn(spec, "colonyname");
      state.requireMember(signer, colonyName);
      const graph = submitWorkflow(state, spec, { id: signer, name: state.initiatorName(signer, colonyName) });
      return graph;
    },
  },
  getprocessgraphmsg: {
    action: "get processgraph",
    fields: { processgraphid: "string" },
    run: ({ state, signer, message }) =>
      requireGraph(state, signer, message, "Failed to get processgraph, graph is nil"),
  },
  getprocessgraphsmsg: {
    action: "get processgraphs",
    fields: { colonyname: "string", count: "int", state: "int" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      const count = checkCount(message);
      const wanted = numberIn(message, "state");
      if (wanted < 0 || wanted > 4) throw new Refusal(400, "invalid msg.State");
      const rows = state.graphs.filter((row) => row["colonyname"] === message["colonyname"] && row["state"] === wanted);
      return nullWhenEmpty(rows.reverse().slice(0, count));
    },
  },
  cancelprocessgraphmsg: {
    action: "cancel processgraph",
    fields: { processgraphid: "string" },
    run({ state, signer, message }) {
      cancelGraph(state, requireGraph(state, signer, message, "Failed to cancel processgraph, graph is nil"));
      return empty;
    },
  },
  removeprocessgraphmsg: {
    action: "remove processgraph",
    fields: { processgraphid: "string", all: "bool" },
    run({ state, signer, message }) {
      const graph = requireGraph(state, signer, message, "Failed to remove processgraph, graph is nil");
      if (graph["state"] === states.running)
        throw new Refusal(400, "Failed to remove processgraph, cannot remove a running processgraph");
      removeGraph(state, graph);
      return empty;
    },
  },
  removeallprocessgraphsmsg: {
    action: "remove all processgraphs",
    fields: { colonyname: "string", state: "int" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireColonyOwner(signer, colonyName);
      const wanted = removableState(
        message,
        "not possible to remove running processgraphs",
        "invalid state when deleting all processgraphs",
      );
      for (const graph of state.graphs.filter(
        (row) => row["colonyname"] === colonyName && (wanted === -1 || row["state"] === wanted),
      ))
        removeGraph(state, graph);
      return empty;
    },
  },
  addchildmsg: {
    action: "add child to processgraph",
    fields: {
      processgraphid: "string",
      parentprocessid: "string",
      childprocessid: "string",
      spec: functionSpecType,
      insert: "bool",
    },
    run({ state, signer, message }) {
      const spec = objectIn(message, "spec");
      state.requireMember(signer, textIn(objectIn(spec, "conditions"), "colonyname"));
      const graph = state.graphs.get(textIn(message, "processgraphid"));
      const parent = state.processes.get(textIn(message, "parentprocessid"));
      if (graph === undefined || parent === undefined)
        throw new Refusal(400, "Failed to add child, parent process not found");
      if (parent["assignedexecutorid"] !== signer)
        throw new Refusal(400, "Failed to add child, the process is not assigned to the executor");
      return addChild(state, graph, parent, spec, message["insert"] === true);
    },
  },
  addlogmsg: {
    action: "add log",
    fields: { processid: "string", message: "string" },
    run({ state, signer, message }) {
      const process = requireProcess(state, signer, message, "Failed to add log, process is nil");
      if (process["assignedexecutorid"] !== signer) {
        throw new Refusal(403, "Failed to add log, not allowed to add log, only the assigned Executor may att logs");
      }
      if (process["state"] !== states.running) throw new Refusal(403, "Failed to set output, process is not running");
      const executor = state.executorById(signer, colonyOf(process));
      addLog(
        state,
        textIn(process, "processid"),
        colonyOf(process),
        textIn(executor ?? {}, "executorname"),
        textIn(message, "message"),
      );
      return empty;
    },
  },
  addexecutorlogmsg: {
    action: "add executor log",
    fields: { colonyname: "string", executorname: "string", message: "string" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireMember(signer, colonyName);
      const executor = state.executorById(signer, colonyName);
      if (executor === undefined) throw new Refusal(403, "Failed to add executor log, executor not found");
      if (executor["executorname"] !== message["executorname"])
        throw new Refusal(403, "Failed to add executor log, executor name mismatch");
      addLog(state, "", colonyName, textIn(message, "executorname"), textIn(message, "message"));
      return empty;
    },
  },
  getlogsmsg: {
    action: "get logs",
    fields: {
      colonyname: "string",
      processid: "string",
      executorname: "string",
      count: "int",
      since: "int",
      latest: "bool",
    },
    run: getLogs,
  },
  searchlogsmsg: {
    action: "get logs",
    fields: { colonyname: "string", text: "string", days: "int", count: "int" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      if (numberIn(message, "count") > maxCount) throw new Refusal(400, `Count exceeds max log count (${maxCount})`);
      if (numberIn(message, "days") > maxDays) throw new Refusal(400, `Count exceeds max day count (${maxDays})`);
      const rows = state.logs.filter(
        (row) =>
          row["colonyname"] === message["colonyname"] && textIn(row, "message").includes(textIn(message, "text")),
      );
      return nullWhenEmpty(rows.slice(0, numberIn(message, "count")));
    },
  },
};

function submit({ state, signer, message }: MethodCall): JsonValue {
  const spec = objectIn(message, "spec");
  const colonyName = textIn(objectIn(spec, "conditions"), "colonyname");
  state.requireMember(signer, colonyName);
  const priority = numberIn(spec, "priority");
  if (priority < -50_000 || priority > 50_000)
    throw new Refusal(400, "Failed to submit function spec, priority outside range [-50000, 50000]");
  const initiatorName = state.initiatorName(signer, colonyName);
  const process = addProcess(state, { spec: normaliseSpec(spec), initiatorId: signer, initiatorName });
  state.changed(process);
  return process;
}

function listProcesses({ state, signer, message }: MethodCall): JsonValue {
  const colonyName = textIn(message, "colonyname");
  state.requireMember(signer, colonyName);
  const count = checkCount(message);
  const [type, initiator, label] = [
    textIn(message, "executortype"),
    textIn(message, "initiator"),
    textIn(message, "label"),
  ];
  if (initiator !== "" && state.users.get(`${colonyName}:${initiator}`) === undefined)
    throw new Refusal(400, `User <${initiator}> does not exist`);
  const wanted = numberIn(message, "state");
  if (wanted < 0 || wanted > 4) throw new Refusal(400, "Failed to get processes, invalid msg.State");
  const chosen = (row: Row): boolean => {
    const spec = objectIn(row, "spec");
    if (type !== "") return objectIn(spec, "conditions")["executortype"] === type;
    if (initiator !== "") return row["initiatorname"] === initiator;
    return label === "" || spec["label"] === label;
  };
  const rows = state.processes.filter((row) => colonyOf(row) === colonyName && row["state"] === wanted && chosen(row));
  // Ended processes come newest first, the others in the order in which they will run.
  return nullWhenEmpty((wanted >= states.success ? rows.reverse() : rows).slice(0, count));
}

function getLogs({ state, signer, message }: MethodCall): JsonValue {
  const [executorName, processId] = [textIn(message, "executorname"), textIn(message, "processid")];
  if (executorName !== "") {
    const executor = state.executors.get(`${textIn(message, "colonyname")}:${executorName}`);
    if (executor === undefined) throw new Refusal(500, "Failed to get logs, executor does not exist");
    state.requireMember(signer, textIn(executor, "colonyname"));
  } else {
    const process = state.processes.get(processId);
    if (process === undefined) throw new Refusal(500, "Failed to get logs, process does not exist");
    state.requireMember(signer, colonyOf(process));
  }
  const count = numberIn(message, "count");
  if (count > maxLogCount) throw new Refusal(403, `Count exceeds max log count (${maxLogCount})`);
  const since = typeof message["since"] === "bigint" ? message["since"] : BigInt(numberIn(message, "since"));
  const rows = state.logs.filter((row) => {
    const own = executorName === "" ? row["processid"] === processId : row["executorname"] === executorName;
    return own && typeof row["timestamp"] === "bigint" && row["timestamp"] > since;
  });
  return nullWhenEmpty(message["latest"] === true ? rows.slice(-count) : rows.slice(0, count));
}

function addLog(
  state: ColonyState,
  processid: string,
  colonyname: string,
  executorname: string,
  message: string,
): void {
  const timestamp = state.nowNs();
  state.logs.set(String(timestamp), { processid, colonyname, executorname, message, timestamp });
}

export function colonyOf(process: Row): string {
  return textIn(objectIn(objectIn(process, "spec"), "conditions"), "colonyname");
}

function requireProcess(state: ColonyState, signer: string, message: JsonObject, otherwise: string): Row {
  const process = state.processes.get(textIn(message, "processid"));
  if (process === undefined) throw new Refusal(500, otherwise);
  state.requireMember(signer, colonyOf(process));
  return process;
}

function requireAssigned(state: ColonyState, signer: string, message: JsonObject, action: string): Row {
  const process = requireProcess(state, signer, message, `Failed to ${action}, process is nil`);
  if (process["assignedexecutorid"] === "") throw new Refusal(403, `Failed to ${action}, process is not assigned`);
  if (process["assignedexecutorid"] !== signer) throw new Refusal(403, `Failed to ${action}, not allowed to ${action}`);
  return process;
}

function requireGraph(state: ColonyState, signer: string, message: JsonObject, otherwise: string): Row {
  const graph = state.graphs.get(textIn(message, "processgraphid"));
  if (graph === undefined) throw new Refusal(500, otherwise);
  state.requireMember(signer, textIn(graph, "colonyname"));
  return graph;
}

function checkCount(message: JsonObject): number {
  const count = numberIn(message, "count");
  if (count > maxCount) throw new Refusal(400, `Count is larger than MaxCount limit <${maxCount}>`);
  if (count < 0) throw new Refusal(400, "pq: LIMIT must not be negative");
  return count;
}

function removableState(message: JsonObject, running: string, invalid: string): number {
  const wanted = numberIn(message, "state");
  if (wanted === states.running) throw new Refusal(400, running);
  if (wanted < -1 || wanted > 4) throw new Refusal(400, invalid);
  return wanted;
}
