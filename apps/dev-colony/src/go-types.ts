import type { GoType } from "./go-json.ts";

const strings: GoType = { list: "string" };

const gpu: GoType = { struct: { name: "string", mem: "string", count: "int", nodecount: "int" } };

const conditions: GoType = {
  struct: {
    colonyname: "string",
    executornames: strings,
    executortype: "string",
    locationname: "string",
    dependencies: strings,
    nodes: "int",
    cpu: "string",
    processes: "int",
    processespernode: "int",
    mem: "string",
    storage: "string",
    gpu,
    walltime: "int",
  },
};

const onConflict: GoType = { struct: { keeplocal: "bool" } };

export const functionSpecType: GoType = {
  struct: {
    nodename: "string",
    funcname: "string",
    args: { list: "any" },
    kwargs: { map: "any" },
    priority: "int",
    maxwaittime: "int",
    maxexectime: "int",
    maxretries: "int",
    conditions,
    label: "string",
    fs: {
      struct: {
        mount: "string",
        snapshots: {
          list: {
            struct: { snapshotid: "string", label: "string", dir: "string", keepfiles: "bool", keepsnaphot: "bool" },
          },
        },
        dirs: {
          list: {
            struct: {
              label: "string",
              dir: "string",
              keepfiles: "bool",
              onconflicts: { struct: { onstart: onConflict, onclose: onConflict } },
            },
          },
        },
      },
    },
    env: { map: "string" },
    channels: strings,
  },
};

export const workflowSpecType: GoType = { struct: { colonyname: "string", functionspecs: { list: functionSpecType } } };

export const executorType: GoType = {
  struct: {
    executorid: "string",
    executortype: "string",
    executorname: "string",
    colonyname: "string",
    locationname: "string",
    requirefuncreg: "bool",
    capabilities: {
      struct: {
        hardware: { list: "any" },
        software: { list: { struct: { name: "string", type: "string", version: "string" } } },
      },
    },
    allocations: { struct: { projects: { map: "any" } } },
    blueprintid: "string",
    blueprintgen: "int",
  },
};

export const functionType: GoType = {
  struct: {
    executorname: "string",
    executortype: "string",
    colonyname: "string",
    funcname: "string",
    description: "string",
    args: { list: "any" },
  },
};

export const cronType: GoType = {
  struct: {
    colonyname: "string",
    name: "string",
    cronexpression: "string",
    interval: "int",
    random: "bool",
    nextrun: "time",
    lastrun: "time",
    workflowspec: "string",
    waitforprevprocessgraph: "bool",
  },
};

export const generatorType: GoType = {
  struct: { colonyname: "string", name: "string", workflowspec: "string", trigger: "int", timeout: "int" },
};

const metadata: GoType = {
  struct: {
    name: "string",
    colonyname: "string",
    locationname: "string",
    labels: { map: "string" },
    annotations: { map: "string" },
    generation: "int",
    createdAt: "time",
    updatedAt: "time",
  },
};

export const definitionType: GoType = {
  struct: {
    kind: "string",
    metadata,
    spec: {
      struct: {
        group: "string",
        version: "string",
        names: {
          struct: { kind: "string", listKind: "string", singular: "string", plural: "string", shortNames: strings },
        },
        scope: "string",
        schema: "any",
        handler: { struct: { executorType: "string", functionName: "string", reconcileInterval: "int" } },
      },
    },
  },
};

export const blueprintType: GoType = {
  struct: { kind: "string", metadata, spec: { map: "any" }, status: { map: "any" } },
};
