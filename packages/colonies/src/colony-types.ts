import type { JsonObject, JsonValue } from "@cpm/base";
import { int64Of, numberOf, objectOf, textOf, textsOf, timeOf } from "./wire.ts";

export interface Colony {
  readonly id: string;
  readonly name: string;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly colonyName: string;
  readonly email: string;
  readonly phone: string;
}

export const executorStates = ["pending", "approved", "rejected", "unregistered"] as const;
export type ExecutorState = (typeof executorStates)[number];

export interface Executor {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly colonyName: string;
  readonly locationName: string;
  readonly state: ExecutorState;
  readonly registeredAt: Date | undefined;
  /** Refreshed by assign calls only. */
  readonly lastHeardAt: Date | undefined;
  /** `{hardware: [...], software: [...]}`. */
  readonly capabilities: JsonObject;
}

export interface ColonyFunction {
  readonly id: string;
  readonly name: string;
  readonly executorName: string;
  readonly executorType: string;
  readonly description: string;
  readonly calls: number;
}

export interface LogEntry {
  readonly processId: string;
  readonly executorName: string;
  readonly message: string;
  /** UTC nanoseconds since the Unix epoch. */
  readonly timestampNs: bigint;
}

export interface Cron {
  readonly id: string;
  readonly name: string;
  readonly colonyName: string;
  readonly initiatorName: string;
  readonly expression: string;
  readonly intervalSeconds: number;
  readonly nextRunAt: Date | undefined;
  readonly lastRunAt: Date | undefined;
  readonly previousWorkflowId: string;
  /** JSON text of `{colonyname, functionspecs}`. */
  readonly workflowSpec: string;
}

export interface Generator {
  readonly id: string;
  readonly name: string;
  readonly colonyName: string;
  readonly trigger: number;
  readonly timeoutSeconds: number;
  readonly queueSize: number;
  readonly workflowSpec: string;
}

export interface BlueprintDefinition {
  readonly id: string;
  readonly name: string;
  readonly colonyName: string;
  /** The kind of the blueprints that it defines. */
  readonly kind: string;
  readonly spec: JsonObject;
}

export interface Blueprint {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly colonyName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly createdAt: Date | undefined;
  readonly updatedAt: Date | undefined;
  readonly spec: JsonObject;
  readonly status: JsonObject;
  readonly metadata: JsonObject;
}

export interface BlueprintChange {
  readonly generation: number;
  readonly spec: JsonObject;
  readonly changeType: string;
  readonly changedBy: string;
}

export interface ColonyFile {
  readonly id: string;
  readonly label: string;
  readonly name: string;
  readonly sizeBytes: bigint;
  readonly checksum: string;
  readonly checksumAlgorithm: string;
  readonly reference: JsonObject;
}

export interface Snapshot {
  readonly id: string;
  readonly name: string;
  readonly label: string;
  readonly fileIds: readonly string[];
}

export interface Statistics {
  readonly [counter: string]: JsonValue;
}

export function readColony(object: JsonObject): Colony {
  return { id: textOf(object, "colonyid"), name: textOf(object, "name") };
}

export function readUser(object: JsonObject): User {
  return {
    id: textOf(object, "userid"),
    name: textOf(object, "name"),
    colonyName: textOf(object, "colonyname"),
    email: textOf(object, "email"),
    phone: textOf(object, "phone"),
  };
}

export function readExecutor(object: JsonObject): Executor {
  return {
    id: textOf(object, "executorid"),
    name: textOf(object, "executorname"),
    type: textOf(object, "executortype"),
    colonyName: textOf(object, "colonyname"),
    locationName: textOf(object, "locationname"),
    state: executorStates[numberOf(object, "state")] ?? "unregistered",
    registeredAt: timeOf(object, "commissiontime"),
    lastHeardAt: timeOf(object, "lastheardfromtime"),
    capabilities: objectOf(object, "capabilities"),
  };
}

export function readFunction(object: JsonObject): ColonyFunction {
  return {
    id: textOf(object, "functionid"),
    name: textOf(object, "funcname"),
    executorName: textOf(object, "executorname"),
    executorType: textOf(object, "executortype"),
    description: textOf(object, "description"),
    calls: numberOf(object, "counter"),
  };
}

export function readLogEntry(object: JsonObject): LogEntry {
  return {
    processId: textOf(object, "processid"),
    executorName: textOf(object, "executorname"),
    message: textOf(object, "message"),
    timestampNs: int64Of(object, "timestamp"),
  };
}

export function readCron(object: JsonObject): Cron {
  return {
    id: textOf(object, "cronid"),
    name: textOf(object, "name"),
    colonyName: textOf(object, "colonyname"),
    initiatorName: textOf(object, "initiatorname"),
    expression: textOf(object, "cronexpression"),
    intervalSeconds: numberOf(object, "interval"),
    nextRunAt: timeOf(object, "nextrun"),
    lastRunAt: timeOf(object, "lastrun"),
    previousWorkflowId: textOf(object, "prevprocessgraphid"),
    workflowSpec: textOf(object, "workflowspec"),
  };
}

export function readGenerator(object: JsonObject): Generator {
  return {
    id: textOf(object, "generatorid"),
    name: textOf(object, "name"),
    colonyName: textOf(object, "colonyname"),
    trigger: numberOf(object, "trigger"),
    timeoutSeconds: numberOf(object, "timeout"),
    queueSize: numberOf(object, "queuesize"),
    workflowSpec: textOf(object, "workflowspec"),
  };
}

export function readDefinition(object: JsonObject): BlueprintDefinition {
  const metadata = objectOf(object, "metadata");
  const spec = objectOf(object, "spec");
  return {
    id: textOf(object, "blueprintdefinitionid"),
    name: textOf(metadata, "name"),
    colonyName: textOf(metadata, "colonyname"),
    kind: textOf(objectOf(spec, "names"), "kind"),
    spec,
  };
}

export function readBlueprint(object: JsonObject): Blueprint {
  const metadata = objectOf(object, "metadata");
  const labels = Object.entries(objectOf(metadata, "labels")).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return {
    id: textOf(object, "blueprintid"),
    kind: textOf(object, "kind"),
    name: textOf(metadata, "name"),
    colonyName: textOf(metadata, "colonyname"),
    labels: Object.fromEntries(labels),
    generation: numberOf(metadata, "generation"),
    createdAt: timeOf(metadata, "createdAt"),
    updatedAt: timeOf(metadata, "updatedAt"),
    spec: objectOf(object, "spec"),
    status: objectOf(object, "status"),
    metadata,
  };
}

export function readChange(object: JsonObject): BlueprintChange {
  return {
    generation: numberOf(object, "generation"),
    spec: objectOf(object, "spec"),
    changeType: textOf(object, "changetype"),
    changedBy: textOf(object, "changedby"),
  };
}

export function readFile(object: JsonObject): ColonyFile {
  return {
    id: textOf(object, "fileid"),
    label: textOf(object, "label"),
    name: textOf(object, "name"),
    sizeBytes: int64Of(object, "size"),
    checksum: textOf(object, "checksum"),
    checksumAlgorithm: textOf(object, "checksumalg"),
    reference: objectOf(object, "ref"),
  };
}

export function readSnapshot(object: JsonObject): Snapshot {
  return {
    id: textOf(object, "snapshotid"),
    name: textOf(object, "name"),
    label: textOf(object, "label"),
    fileIds: textsOf(object, "fileids"),
  };
}
