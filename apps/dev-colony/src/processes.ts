import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { executorStates, listIn, numberIn, objectIn, states, textIn, textsIn } from "./colony-state.ts";
import type { ColonyState } from "./colony-state.ts";
import { formatTime, zeroTime } from "./go-json.ts";
import { Refusal } from "./refusal.ts";
import type { Row } from "./tables.ts";
import { parseCpu, parseMemory } from "./units.ts";

const environmentAttribute = 3;
const dayNs = 86_400_000_000_000n;

export interface NewProcess {
  readonly spec: JsonObject;
  readonly initiatorId: string;
  readonly initiatorName: string;
  readonly graphId?: string;
  readonly parents?: readonly string[];
  readonly input?: readonly JsonValue[];
}

/** The spec as the server keeps it: conditions in canonical units. Throws the refusals of a single submit. */
export function normaliseSpec(spec: JsonObject): JsonObject {
  const conditions = objectIn(spec, "conditions");
  const gpu = objectIn(conditions, "gpu");
  const names = listIn(conditions, "executornames");
  return {
    ...spec,
    args: spec["args"] ?? [],
    kwargs: spec["kwargs"] ?? {},
    env: spec["env"] ?? {},
    conditions: {
      ...conditions,
      executornames: names.length === 1 && names[0] === "*" ? [] : (conditions["executornames"] ?? null),
      dependencies: conditions["dependencies"] ?? [],
      cpu: `${parseCpu(textIn(conditions, "cpu"))}m`,
      mem: `${parseMemory(textIn(conditions, "mem"))}Mi`,
      storage: `${parseMemory(textIn(conditions, "storage"))}Mi`,
      gpu: { ...gpu, mem: `${parseMemory(textIn(gpu, "mem"))}Mi`, nodecount: 0 },
    },
  };
}

/** Adds a process that waits: for an executor, or first for its parents. */
export function addProcess(state: ColonyState, entry: NewProcess): Row {
  const { spec, parents = [] } = entry;
  const now = state.settings.now();
  const maxWait = numberIn(spec, "maxwaittime");
  const processid = state.newId();
  const row = (key: string, value: JsonValue): JsonObject => ({
    attributeid: state.newId(),
    targetid: processid,
    targetcolonyname: textIn(objectIn(spec, "conditions"), "colonyname"),
    targetprocessgraphid: entry.graphId ?? "",
    state: states.waiting,
    attributetype: environmentAttribute,
    key,
    value,
  });
  return state.processes.set(processid, {
    processid,
    initiatorid: entry.initiatorId,
    initiatorname: entry.initiatorName,
    assignedexecutorid: "",
    isassigned: false,
    state: states.waiting,
    prioritytime: state.nowNs() - BigInt(numberIn(spec, "priority")) * dayNs,
    submissiontime: formatTime(now),
    starttime: zeroTime,
    endtime: zeroTime,
    waitdeadline: maxWait > 0 ? formatTime(now + maxWait * 1000) : zeroTime,
    execdeadline: zeroTime,
    retries: 0,
    // The server also keeps a spec's environment as attributes.
    attributes: Object.entries(objectIn(spec, "env")).map(([key, value]) => row(key, value)),
    spec,
    waitforparents: parents.length > 0,
    parents: [...parents],
    children: [],
    processgraphid: entry.graphId ?? "",
    in: [...(entry.input ?? [])],
    out: [],
    errors: [],
  });
}

/** The next process that an executor may run, now running; undefined when there is none. */
export function assignNext(
  state: ColonyState,
  executor: Row,
  available: { readonly cpu: string; readonly memory: string },
): Row | undefined {
  const fitting = state.processes
    .filter(
      (process) =>
        process["state"] === states.waiting &&
        process["waitforparents"] === false &&
        matches(process, executor, available),
    )
    .sort((left, right) => compareBig(left["prioritytime"], right["prioritytime"]));
  const [next] = fitting;
  if (next === undefined) return undefined;
  const now = state.settings.now();
  const limit = numberIn(objectIn(next, "spec"), "maxexectime");
  const running = state.processes.update(textIn(next, "processid"), {
    state: states.running,
    isassigned: true,
    attributes: attributesIn(next, states.running),
    assignedexecutorid: textIn(executor, "executorid"),
    starttime: formatTime(now),
    // A limit of 0 is over at once; a negative one never is.
    execdeadline: limit < 0 ? zeroTime : formatTime(now + limit * 1000),
  });
  if (running !== undefined) {
    refreshGraph(state, textIn(running, "processgraphid"));
    state.changed(running);
  }
  return running;
}

/** Back to waiting, as when its executor is gone. */
function requeue(state: ColonyState, process: Row, changes: JsonObject = {}): void {
  const waiting = state.processes.update(textIn(process, "processid"), {
    state: states.waiting,
    isassigned: false,
    attributes: attributesIn(process, states.waiting),
    assignedexecutorid: "",
    starttime: zeroTime,
    execdeadline: zeroTime,
    ...changes,
  });
  if (waiting === undefined) return;
  refreshGraph(state, textIn(waiting, "processgraphid"));
  state.changed(waiting);
}

/** Closes as successful. Output is stored even when the state then forbids it, as on the server. */
export function closeSuccessful(state: ColonyState, process: Row, output: readonly JsonValue[]): void {
  const id = textIn(process, "processid");
  if (output.length > 0) state.processes.update(id, { out: output });
  if (process["state"] === states.failed) throw new Refusal(400, "Tried to set failed process as successful");
  if (process["state"] === states.cancelled) throw new Refusal(400, "Tried to set cancelled process as successful");
  const closed = state.processes.update(id, {
    state: states.success,
    endtime: state.now(),
    attributes: attributesIn(process, states.success),
  });
  if (closed === undefined) return;
  releaseChildren(state, closed);
  refreshGraph(state, textIn(closed, "processgraphid"));
  state.changed(closed);
}

export function closeFailed(state: ColonyState, process: Row, errors: readonly JsonValue[]): void {
  if (process["state"] === states.success) throw new Refusal(400, "Tried to set successful process as failed");
  if (process["state"] === states.failed) throw new Refusal(400, "Tried to set failed process as failed");
  if (process["state"] === states.cancelled) throw new Refusal(400, "Tried to set cancelled process as failed");
  const failed = state.processes.update(textIn(process, "processid"), {
    state: states.failed,
    endtime: state.now(),
    errors: [...errors],
    attributes: attributesIn(process, states.failed),
  });
  if (failed === undefined) return;
  // A failed parent takes the whole graph with it; a failed leaf does not.
  if (listIn(failed, "children").length > 0) failGraph(state, failed);
  refreshGraph(state, textIn(failed, "processgraphid"));
  state.changed(failed);
}

export function cancelProcess(state: ColonyState, process: Row): void {
  const number = numberIn(process, "state");
  const names = ["", "", "successful", "failed", "already cancelled"];
  if (number > states.running) throw new Refusal(400, `Tried to cancel ${names[number] ?? ""} process`);
  const cancelled = state.processes.update(textIn(process, "processid"), {
    state: states.cancelled,
    endtime: state.now(),
  });
  if (cancelled !== undefined) state.changed(cancelled);
}

/** What the server's clockwork does to processes: limits on waiting and running. */
export function expireProcesses(state: ColonyState): void {
  const now = state.settings.now();
  const isPast = (time: JsonValue | undefined) =>
    typeof time === "string" && time !== zeroTime && Date.parse(time) <= now;
  for (const process of state.processes.filter(
    (row) => row["state"] === states.running && isPast(row["execdeadline"]),
  )) {
    const maxRetries = numberIn(objectIn(process, "spec"), "maxretries");
    const retries = numberIn(process, "retries");
    if (maxRetries < 0 || retries < maxRetries) requeue(state, process, { retries: retries + 1 });
    else closeFailed(state, process, ["Maximum execution time limit exceeded"]);
  }
  for (const process of state.processes.filter(
    (row) => row["state"] === states.waiting && isPast(row["waitdeadline"]),
  )) {
    closeFailed(state, process, ["Maximum waiting time limit exceeded"]);
  }
}

/** Executors that have not asked for work for too long lose their jobs, functions and place. */
export function removeStaleExecutors(state: ColonyState): void {
  const limit = state.settings.now() - state.settings.staleExecutorMs;
  for (const executor of state.executors.filter((row) => row["state"] !== executorStates.unregistered)) {
    const heard = textIn(executor, "lastheardfromtime");
    if (heard !== zeroTime && Date.parse(heard) < limit) unregister(state, executor);
  }
}

export function unregister(state: ColonyState, executor: Row): void {
  const [colonyName, name, id] = [
    textIn(executor, "colonyname"),
    textIn(executor, "executorname"),
    textIn(executor, "executorid"),
  ];
  state.executors.update(`${colonyName}:${name}`, { state: executorStates.unregistered });
  state.functions.deleteWhere((row) => row["colonyname"] === colonyName && row["executorname"] === name);
  for (const process of state.processes.filter(
    (row) => row["state"] === states.running && row["assignedexecutorid"] === id,
  ))
    requeue(state, process);
}

/** Derives a graph's state from its members. */
function refreshGraph(state: ColonyState, graphId: string): void {
  const graph = graphId === "" ? undefined : state.graphs.get(graphId);
  if (graph === undefined) return;
  const members = textsIn(graph, "processids").map((id) => numberIn(state.processes.get(id) ?? {}, "state"));
  const number = graphState(members);
  const ended = number >= states.success;
  state.graphs.update(graphId, {
    state: number,
    starttime:
      graph["starttime"] === zeroTime && number > states.waiting ? state.now() : (graph["starttime"] ?? zeroTime),
    endtime: ended ? state.now() : zeroTime,
  });
}

function graphState(members: readonly number[]): number {
  if (members.includes(states.failed)) return states.failed;
  if (members.includes(states.cancelled)) return states.cancelled;
  if (members.length > 0 && members.every((member) => member === states.success)) return states.success;
  return members.some((member) => member === states.success || member === states.running)
    ? states.running
    : states.waiting;
}

function releaseChildren(state: ColonyState, parent: Row): void {
  for (const childId of textsIn(parent, "children")) {
    const child = state.processes.get(childId);
    if (child === undefined) continue;
    const parents = textsIn(child, "parents").map((id) => state.processes.get(id));
    if (!parents.every((row) => row?.["state"] === states.success)) continue;
    const input = parents.flatMap((row) => (row === undefined ? [] : listIn(row, "out")));
    const ready = state.processes.update(childId, { waitforparents: false, in: input });
    if (ready !== undefined && ready["state"] === states.waiting) state.changed(ready);
  }
}

function failGraph(state: ColonyState, failed: Row): void {
  for (const id of textsIn(state.graphs.get(textIn(failed, "processgraphid")) ?? {}, "processids")) {
    if (id !== failed["processid"]) state.processes.update(id, { state: states.failed });
  }
}

function matches(process: Row, executor: Row, available: { readonly cpu: string; readonly memory: string }): boolean {
  const conditions = objectIn(objectIn(process, "spec"), "conditions");
  const names = textsIn(conditions, "executornames");
  const location = textIn(conditions, "locationname");
  return (
    conditions["colonyname"] === executor["colonyname"] &&
    conditions["executortype"] === executor["executortype"] &&
    (names.length === 0 || names.includes(textIn(executor, "executorname"))) &&
    (location === "" || location.toLowerCase() === textIn(executor, "locationname").toLowerCase()) &&
    (available.cpu === "" || parseCpu(textIn(conditions, "cpu")) <= parseCpu(available.cpu)) &&
    (available.memory === "" || parseMemory(textIn(conditions, "mem")) <= parseMemory(available.memory)) &&
    ["nodes", "processes", "processespernode"].every((key) => numberIn(conditions, key) <= 127)
  );
}

function compareBig(left: JsonValue | undefined, right: JsonValue | undefined): number {
  const difference = toBig(left) - toBig(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function toBig(value: JsonValue | undefined): bigint {
  return typeof value === "bigint" ? value : typeof value === "number" ? BigInt(value) : 0n;
}

/** Attributes have the state of their process, as far as its executor brought it. */
function attributesIn(process: Row, number: number): JsonObject[] {
  return listIn(process, "attributes")
    .filter(isJsonObject)
    .map((attribute) => ({ ...attribute, state: number }));
}
