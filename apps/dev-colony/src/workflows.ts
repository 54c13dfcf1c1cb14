import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject, parseJson } from "@cpm/base";
import { listIn, numberIn, objectIn, states, textIn, textsIn } from "./colony-state.ts";
import type { ColonyState } from "./colony-state.ts";
import { decodeGo, zeroTime } from "./go-json.ts";
import { workflowSpecType } from "./go-types.ts";
import { addProcess, normaliseSpec } from "./processes.ts";
import { Refusal } from "./refusal.ts";
import type { Row } from "./tables.ts";

export interface Initiator {
  readonly id: string;
  readonly name: string;
}

/**
 * Starts a workflow. As on the server, cycles and empty lists are taken, and a wrong dependency is refused after
 * the graph's empty row was written.
 */
export function submitWorkflow(
  state: ColonyState,
  spec: JsonObject,
  initiator: Initiator,
  rootInput: { args?: readonly JsonValue[]; input?: readonly JsonValue[] } = {},
): Row {
  const colonyName = textIn(spec, "colonyname");
  const specs = listIn(spec, "functionspecs").filter(isJsonObject);
  checkNodeNames(specs);
  const graphId = state.newId();
  state.graphs.set(graphId, {
    processgraphid: graphId,
    initiatorid: initiator.id,
    initiatorname: initiator.name,
    colonyname: colonyName,
    rootprocessids: [],
    state: states.waiting,
    submissiontime: state.now(),
    starttime: zeroTime,
    endtime: zeroTime,
    processids: [],
    nodes: [],
    edges: [],
  });
  checkDependencies(specs);
  const ids = new Map<string, string>();
  for (const node of specs) {
    const isRoot = dependenciesOf(node).length === 0;
    const own = {
      ...node,
      ...(isRoot && rootInput.args !== undefined ? { args: [...rootInput.args], kwargs: {} } : {}),
      maxexectime: numberIn(node, "maxexectime") === 0 ? -1 : (node["maxexectime"] ?? -1),
      conditions: { ...objectIn(node, "conditions"), colonyname: colonyName },
    };
    const process = addProcess(state, {
      spec: normaliseSpec(own),
      initiatorId: initiator.id,
      initiatorName: initiator.name,
      graphId,
      ...(isRoot && rootInput.input !== undefined ? { input: rootInput.input } : {}),
    });
    ids.set(textIn(node, "nodename"), textIn(process, "processid"));
  }
  linkNodes(state, specs, ids);
  const roots = specs
    .filter((node) => dependenciesOf(node).length === 0)
    .map((node) => ids.get(textIn(node, "nodename")) ?? "");
  const graph = state.graphs.update(graphId, { processids: [...ids.values()], rootprocessids: roots }) ?? {};
  for (const id of roots) {
    const root = state.processes.get(id);
    if (root !== undefined) state.changed(root);
  }
  return graph;
}

/** The workflow that a cron or a generator holds as text. */
export function parseWorkflowText(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(text, { uniqueKeys: false });
  } catch {
    throw new Refusal(400, "invalid character looking for beginning of value");
  }
  const decoded = decodeGo(workflowSpecType, value);
  return isJsonObject(decoded) ? decoded : {};
}

export function checkDependencies(specs: readonly JsonObject[]): void {
  const names = new Set(specs.map((node) => textIn(node, "nodename")));
  if (specs.some((node) => dependenciesOf(node).some((name) => !names.has(name)))) {
    throw new Refusal(
      500,
      "Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits?",
    );
  }
}

/** Cancels what waits or runs. No listener is told: neither does the server. */
export function cancelGraph(state: ColonyState, graph: Row): void {
  for (const id of textsIn(graph, "processids")) {
    const process = state.processes.get(id);
    if (process !== undefined && numberIn(process, "state") <= states.running) {
      state.processes.update(id, { state: states.cancelled, endtime: state.now() });
    }
  }
  state.graphs.update(textIn(graph, "processgraphid"), { state: states.cancelled, endtime: state.now() });
}

export function removeGraph(state: ColonyState, graph: Row): void {
  for (const id of textsIn(graph, "processids")) state.processes.delete(id);
  state.graphs.delete(textIn(graph, "processgraphid"));
}

/** Puts a new process under a running parent, or between it and all its children. */
export function addChild(state: ColonyState, graph: Row, parent: Row, spec: JsonObject, insert: boolean): Row {
  const child = addProcess(state, {
    spec: normaliseSpec(spec),
    initiatorId: "",
    initiatorName: "",
    graphId: textIn(graph, "processgraphid"),
    parents: [textIn(parent, "processid")],
  });
  const [parentId, childId] = [textIn(parent, "processid"), textIn(child, "processid")];
  const grandchildren = insert ? textsIn(parent, "children") : [];
  state.processes.update(parentId, { children: insert ? [childId] : [...textsIn(parent, "children"), childId] });
  state.processes.update(childId, { children: grandchildren });
  for (const id of grandchildren) {
    const row = state.processes.get(id);
    if (row !== undefined)
      state.processes.update(id, {
        parents: textsIn(row, "parents").map((entry) => (entry === parentId ? childId : entry)),
      });
  }
  state.graphs.update(textIn(graph, "processgraphid"), { processids: [...textsIn(graph, "processids"), childId] });
  return state.processes.get(childId) ?? child;
}

function checkNodeNames(specs: readonly JsonObject[]): void {
  const seen = new Set<string>();
  for (const node of specs) {
    const name = textIn(node, "nodename");
    if (name === "") throw new Refusal(500, "Nodename is missing, check function spec for errors");
    if (seen.has(name)) throw new Refusal(500, `Duplicate nodename: ${name}`);
    seen.add(name);
  }
}

function linkNodes(state: ColonyState, specs: readonly JsonObject[], ids: ReadonlyMap<string, string>): void {
  for (const node of specs) {
    const id = ids.get(textIn(node, "nodename")) ?? "";
    const parents = dependenciesOf(node).map((name) => ids.get(name) ?? "");
    state.processes.update(id, { parents, waitforparents: parents.length > 0 });
    for (const parentId of parents) {
      const parent = state.processes.get(parentId);
      if (parent !== undefined) state.processes.update(parentId, { children: [...textsIn(parent, "children"), id] });
    }
  }
}

function dependenciesOf(node: JsonObject): string[] {
  return textsIn(objectIn(node, "conditions"), "dependencies");
}
