import type { ObjectType } from "./field-type.ts";
import { field, listField, mapField, objectField, secretsField } from "./field-type.ts";

const { string, int, number, bool, any } = field;
const strings = listField(string);

const gpu = objectField("a GPU demand", { name: string, mem: string, count: int, nodecount: int });

const conditions = objectField(
  "conditions",
  {
    colonyname: string,
    executornames: strings,
    executortype: string,
    locationname: string,
    dependencies: strings,
    nodes: int,
    cpu: string,
    processes: int,
    processespernode: int,
    mem: string,
    storage: string,
    gpu,
    walltime: int,
  },
  ["executortype"],
);

const onConflict = objectField("a conflict rule", { keeplocal: bool });
const snapshotMount = objectField("a snapshot mount", {
  snapshotid: string,
  label: string,
  dir: string,
  keepfiles: bool,
  keepsnapshot: bool,
});
const directoryMount = objectField("a directory mount", {
  label: string,
  dir: string,
  keepfiles: bool,
  onconflicts: objectField("conflict rules", { onstart: onConflict, onclose: onConflict }),
});
const fileSystem = objectField("a file system", {
  mount: string,
  snapshots: listField(snapshotMount),
  dirs: listField(directoryMount),
});

/** One function to run, alone or as a node of a workflow. */
export const functionSpec: ObjectType = objectField(
  "a function spec",
  {
    nodename: string,
    funcname: string,
    args: listField(any),
    kwargs: secretsField(any),
    priority: int,
    maxwaittime: int,
    maxexectime: int,
    maxretries: int,
    conditions,
    label: string,
    fs: fileSystem,
    env: secretsField(string),
    channels: strings,
  },
  ["funcname", "conditions"],
);

/** A graph of functions. The command line of ColonyOS also takes the bare list; the wire needs the object. */
export const workflowSpec: ObjectType = objectField(
  "a workflow",
  { colonyname: string, functionspecs: listField(functionSpec) },
  ["functionspecs"],
);

export const cron: ObjectType = objectField(
  "a cron",
  {
    colonyname: string,
    name: string,
    cronexpression: string,
    interval: int,
    random: bool,
    waitforprevprocessgraph: bool,
    workflowspec: { type: "embedded", of: workflowSpec },
  },
  ["workflowspec"],
);

export const generator: ObjectType = objectField(
  "a generator",
  {
    colonyname: string,
    name: string,
    trigger: int,
    timeout: int,
    workflowspec: { type: "embedded", of: workflowSpec },
  },
  ["workflowspec", "trigger"],
);

const metadata = objectField("metadata", {
  name: string,
  colonyname: string,
  locationname: string,
  labels: mapField(string),
  annotations: mapField(string),
});

export const blueprintDefinition: ObjectType = objectField(
  "a blueprint definition",
  {
    kind: string,
    metadata,
    spec: objectField(
      "the spec of a blueprint definition",
      {
        group: string,
        version: string,
        names: objectField(
          "names",
          { kind: string, listKind: string, singular: string, plural: string, shortNames: strings },
          ["kind"],
        ),
        scope: string,
        schema: mapField(any),
        handler: objectField("a handler", { executorType: string, functionName: string, reconcileInterval: number }),
      },
      ["names"],
    ),
  },
  ["spec"],
);

export const blueprint: ObjectType = objectField("a blueprint", { kind: string, metadata, spec: mapField(any) }, [
  "kind",
  "spec",
]);
