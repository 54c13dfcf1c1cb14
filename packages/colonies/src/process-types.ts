import type { JsonObject, JsonValue } from "@cpm/base";
import { coloniesError } from "./errors.ts";
import { flagOf, int64Of, numberOf, objectOf, textOf, textsOf, timeOf, valuesOf } from "./wire.ts";

/** States of processes and workflows, by their number on the wire. */
export const processStates = ["waiting", "running", "success", "failed", "cancelled"] as const;
export type ProcessState = (typeof processStates)[number];

/** States after which nothing happens any more. */
export const finalStates: readonly ProcessState[] = ["success", "failed", "cancelled"];

export function isFinal(state: ProcessState): boolean {
  return finalStates.includes(state);
}

export function stateNumber(state: ProcessState): number {
  return processStates.indexOf(state);
}

/**
 * A function spec with the wire's own field names, passed on as it is: fields that this library does not know
 * reach the server too. What must not be left out is filled in by `completeSpec`.
 */
export type FunctionSpec = JsonObject & { readonly funcname: string; readonly conditions: JsonObject };

export interface Process {
  readonly id: string;
  readonly state: ProcessState;
  readonly functionName: string;
  readonly nodeName: string;
  readonly label: string;
  readonly colonyName: string;
  readonly initiatorId: string;
  readonly initiatorName: string;
  readonly assignedExecutorId: string;
  readonly workflowId: string;
  readonly parents: readonly string[];
  readonly children: readonly string[];
  readonly waitsForParents: boolean;
  readonly submittedAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly retries: number;
  /** Nanoseconds; lower runs first. */
  readonly priorityTime: bigint;
  readonly input: readonly JsonValue[];
  readonly output: readonly JsonValue[];
  readonly errors: readonly string[];
  /** As the server keeps it: conditions are rewritten there, so it is not what was sent. */
  readonly spec: JsonObject;
}

export interface Workflow {
  readonly id: string;
  readonly state: ProcessState;
  readonly colonyName: string;
  readonly initiatorName: string;
  readonly processIds: readonly string[];
  readonly rootIds: readonly string[];
  readonly submittedAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export function readProcess(object: JsonObject): Process {
  const spec = objectOf(object, "spec");
  return {
    id: textOf(object, "processid"),
    state: readState(object),
    functionName: textOf(spec, "funcname"),
    nodeName: textOf(spec, "nodename"),
    label: textOf(spec, "label"),
    colonyName: textOf(objectOf(spec, "conditions"), "colonyname"),
    initiatorId: textOf(object, "initiatorid"),
    initiatorName: textOf(object, "initiatorname"),
    assignedExecutorId: textOf(object, "assignedexecutorid"),
    workflowId: textOf(object, "processgraphid"),
    parents: textsOf(object, "parents"),
    children: textsOf(object, "children"),
    waitsForParents: flagOf(object, "waitforparents"),
    submittedAt: timeOf(object, "submissiontime"),
    startedAt: timeOf(object, "starttime"),
    endedAt: timeOf(object, "endtime"),
    retries: numberOf(object, "retries"),
    priorityTime: int64Of(object, "prioritytime"),
    input: valuesOf(object, "in"),
    output: valuesOf(object, "out"),
    errors: textsOf(object, "errors"),
    spec,
  };
}

export function readWorkflow(object: JsonObject): Workflow {
  return {
    id: textOf(object, "processgraphid"),
    state: readState(object),
    colonyName: textOf(object, "colonyname"),
    initiatorName: textOf(object, "initiatorname"),
    processIds: textsOf(object, "processids"),
    rootIds: textsOf(object, "rootprocessids"),
    submittedAt: timeOf(object, "submissiontime"),
    startedAt: timeOf(object, "starttime"),
    endedAt: timeOf(object, "endtime"),
  };
}

/**
 * The spec with what the server would otherwise take as zero: a `maxexectime` of 0 fails the process about a
 * second after it starts. Throws `colonies/invalid-spec` when it is 0 on purpose.
 */
export function completeSpec(spec: FunctionSpec, colonyName: string): JsonObject {
  if (spec["maxexectime"] === 0) {
    throw coloniesError("colonies/invalid-spec", `maxexectime 0 ends ${spec.funcname} at once; use -1 for no limit`);
  }
  return {
    nodename: "",
    args: [],
    kwargs: {},
    priority: 0,
    maxwaittime: -1,
    maxexectime: -1,
    maxretries: -1,
    label: "",
    env: {},
    ...spec,
    conditions: { executornames: [], dependencies: [], ...spec.conditions, colonyname: colonyName },
  };
}

function readState(object: JsonObject): ProcessState {
  return processStates[numberOf(object, "state")] ?? "waiting";
}
