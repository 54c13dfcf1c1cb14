import type { JsonObject } from "@cpm/base";
import { canonicalJson, isJsonObject } from "@cpm/base";
import { schemaFault } from "../blueprint-schema.ts";
import { nullWhenEmpty, numberIn, objectIn, textIn } from "../colony-state.ts";
import type { ColonyState } from "../colony-state.ts";
import { formatTime } from "../go-json.ts";
import { blueprintType, definitionType } from "../go-types.ts";
import { addProcess, normaliseSpec } from "../processes.ts";
import { Refusal } from "../refusal.ts";
import { nextRun } from "../schedules.ts";
import type { Row } from "../tables.ts";
import type { MethodTable } from "./method.ts";
import { empty } from "./method.ts";

const reconcileSeconds = 60;

/** Blueprint definitions, blueprints, files and snapshots. */
export const recordMethods: MethodTable = {
  addblueprintdefinitionmsg: {
    action: "add blueprint definition",
    fields: { blueprintdefinition: definitionType },
    run({ state, signer, message }) {
      const definition = objectIn(message, "blueprintdefinition");
      const metadata = objectIn(definition, "metadata");
      const [colonyName, name] = [textIn(metadata, "colonyname"), textIn(metadata, "name")];
      state.requireColonyOwner(signer, colonyName);
      const key = `${colonyName}:${name}`;
      if (state.definitions.get(key) !== undefined) {
        throw new Refusal(
          500,
          'pq: duplicate key value violates unique constraint "prod_blueprintdefinitions_colony_name_name_key"',
        );
      }
      return state.definitions.set(key, { blueprintdefinitionid: state.newId(), ...definition });
    },
  },
  getblueprintdefinitionmsg: {
    action: "get blueprint definition",
    fields: { colonyname: "string", name: "string" },
    run({ state, signer, message }) {
      state.requireMemberOrOwner(signer, textIn(message, "colonyname"));
      const definition = state.definitions.get(`${textIn(message, "colonyname")}:${textIn(message, "name")}`);
      if (definition === undefined) throw new Refusal(404, "Blueprint definition not found");
      return definition;
    },
  },
  getblueprintdefinitionsmsg: {
    action: "get blueprint definitions",
    fields: { colonyname: "string" },
    run({ state, signer, message }) {
      state.requireMemberOrOwner(signer, textIn(message, "colonyname"));
      return state.definitions.filter((row) => objectIn(row, "metadata")["colonyname"] === message["colonyname"]);
    },
  },
  removeblueprintdefinitionmsg: {
    action: "remove blueprint definition",
    fields: { namespace: "string", name: "string" },
    run({ state, signer, message }) {
      const [colonyName, name] = [textIn(message, "namespace"), textIn(message, "name")];
      state.requireColonyOwner(signer, colonyName);
      const definition = state.definitions.get(`${colonyName}:${name}`);
      if (definition === undefined)
        throw new Refusal(404, `BlueprintDefinition '${name}' not found in namespace '${colonyName}'`);
      const kind = kindOf(definition);
      const count = state.blueprints.filter(
        (row) => row["kind"] === kind && objectIn(row, "metadata")["colonyname"] === colonyName,
      ).length;
      if (count > 0)
        throw new Refusal(
          409,
          `cannot remove BlueprintDefinition '${name}': ${count} blueprint(s) of kind '${kind}' still exist`,
        );
      state.definitions.delete(`${colonyName}:${name}`);
      return empty;
    },
  },
  addblueprintmsg: {
    action: "add blueprint",
    fields: { blueprint: blueprintType },
    run({ state, signer, message }) {
      const blueprint = objectIn(message, "blueprint");
      const metadata = objectIn(blueprint, "metadata");
      const [colonyName, name] = [textIn(metadata, "colonyname"), textIn(metadata, "name")];
      state.requireMemberOrOwner(signer, colonyName);
      const definition = checkBlueprint(state, blueprint);
      if (state.blueprints.get(`${colonyName}:${name}`) !== undefined) {
        throw new Refusal(409, `blueprint with name '${name}' already exists in colony '${colonyName}'`);
      }
      const row = state.blueprints.set(
        `${colonyName}:${name}`,
        withoutEmptyStatus({ blueprintid: state.newId(), ...blueprint }),
      );
      remember(state, row, signer, "create");
      reconcile(state, definition, row, signer, false);
      ensureReconcileCron(state, definition, row, signer);
      return row;
    },
  },
  getblueprintmsg: {
    action: "get blueprint",
    fields: { namespace: "string", name: "string" },
    run({ state, signer, message }) {
      state.requireMemberOrOwner(signer, textIn(message, "namespace"));
      return requireBlueprint(state, textIn(message, "namespace"), textIn(message, "name"));
    },
  },
  getblueprintsmsg: {
    action: "get blueprints",
    fields: { namespace: "string", kind: "string", locationname: "string" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "namespace");
      state.requireMemberOrOwner(signer, colonyName);
      const [kind, location] = [textIn(message, "kind"), textIn(message, "locationname")];
      const rows = state.blueprints.filter((row) => {
        const metadata = objectIn(row, "metadata");
        return (
          metadata["colonyname"] === colonyName &&
          (kind === "" || row["kind"] === kind) &&
          (kind === "" || location === "" || metadata["locationname"] === location)
        );
      });
      return nullWhenEmpty(rows.sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1)));
    },
  },
  updateblueprintmsg: {
    action: "update blueprint",
    fields: { blueprint: blueprintType, forcegeneration: "bool" },
    run({ state, signer, message }) {
      const blueprint = objectIn(message, "blueprint");
      const metadata = objectIn(blueprint, "metadata");
      const [colonyName, name] = [textIn(metadata, "colonyname"), textIn(metadata, "name")];
      state.requireMemberOrOwner(signer, colonyName);
      const old = state.blueprints.get(`${colonyName}:${name}`);
      if (old === undefined) throw new Refusal(404, `blueprint '${name}' not found in namespace '${colonyName}'`);
      const definition = checkBlueprint(state, blueprint);
      const changed =
        message["forcegeneration"] === true ||
        canonicalJson(objectIn(old, "spec")) !== canonicalJson(objectIn(blueprint, "spec"));
      const generation = numberIn(objectIn(old, "metadata"), "generation") + (changed ? 1 : 0);
      const row = state.blueprints.set(
        `${colonyName}:${name}`,
        withoutEmptyStatus({
          blueprintid: old["blueprintid"] ?? "",
          ...blueprint,
          metadata: { ...metadata, generation },
        }),
      );
      remember(state, row, signer, "update");
      if (changed) reconcile(state, definition, row, signer, false);
      return row;
    },
  },
  removeblueprintmsg: {
    action: "remove blueprint",
    fields: { namespace: "string", name: "string" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "namespace");
      state.requireMemberOrOwner(signer, colonyName);
      const row = requireBlueprint(state, colonyName, textIn(message, "name"));
      state.blueprints.delete(`${colonyName}:${nameOf(row)}`);
      const definition = definitionOf(state, colonyName, textIn(row, "kind"));
      if (definition !== undefined) reconcile(state, definition, row, signer, true);
      if (
        state.blueprints.find(
          (other) => other["kind"] === row["kind"] && objectIn(other, "metadata")["colonyname"] === colonyName,
        ) === undefined
      ) {
        state.crons.deleteWhere(
          (cron) => cron["colonyname"] === colonyName && cron["name"] === `reconcile-${textIn(row, "kind")}`,
        );
      }
      return empty;
    },
  },
  updateblueprintstatusmsg: {
    action: "update blueprint status",
    fields: { colonyname: "string", blueprintname: "string", status: { map: "any" } },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "colonyname");
      state.requireMember(signer, colonyName);
      const row = requireBlueprint(state, colonyName, textIn(message, "blueprintname"));
      state.blueprints.update(`${colonyName}:${nameOf(row)}`, { status: message["status"] ?? {} });
      return empty;
    },
  },
  reconcileblueprintmsg: {
    action: "reconcile blueprint",
    fields: { namespace: "string", name: "string", force: "bool" },
    run({ state, signer, message }) {
      const colonyName = textIn(message, "namespace");
      state.requireMember(signer, colonyName);
      const row = requireBlueprint(state, colonyName, textIn(message, "name"));
      const definition = definitionOf(state, colonyName, textIn(row, "kind"));
      const process = definition === undefined ? undefined : reconcile(state, definition, row, signer, false);
      if (process === undefined) throw new Refusal(400, "Blueprint has no handler with executor type defined");
      return process;
    },
  },
  getblueprinthistorymsg: {
    action: "get blueprint history",
    fields: { blueprintid: "string", limit: "int" },
    run({ state, signer, message }) {
      const row = state.blueprints.find((entry) => entry["blueprintid"] === message["blueprintid"]);
      if (row === undefined) throw new Refusal(404, "Blueprint not found");
      state.requireMemberOrOwner(signer, textIn(objectIn(row, "metadata"), "colonyname"));
      const rows = state.history.filter((entry) => entry["blueprintid"] === message["blueprintid"]).reverse();
      const limit = numberIn(message, "limit");
      return nullWhenEmpty(limit > 0 ? rows.slice(0, limit) : rows);
    },
  },
};

function checkBlueprint(state: ColonyState, blueprint: JsonObject): Row {
  const kind = textIn(blueprint, "kind");
  const colonyName = textIn(objectIn(blueprint, "metadata"), "colonyname");
  if (kind === "") throw new Refusal(400, "blueprint kind is required");
  const definition = definitionOf(state, colonyName, kind);
  if (definition === undefined)
    throw new Refusal(400, `BlueprintDefinition for kind '${kind}' not found in namespace '${colonyName}'`);
  const schema = objectIn(definition, "spec")["schema"];
  const fault = isJsonObject(schema) ? schemaFault(schema, objectIn(blueprint, "spec")) : undefined;
  if (fault !== undefined) throw new Refusal(400, `blueprint validation failed: ${fault}`);
  return definition;
}

function definitionOf(state: ColonyState, colonyName: string, kind: string): Row | undefined {
  return state.definitions.find(
    (row) => kindOf(row) === kind && objectIn(row, "metadata")["colonyname"] === colonyName,
  );
}

/** Submits the process that a handler asks for; undefined for a kind without one. */
function reconcile(
  state: ColonyState,
  definition: Row,
  blueprint: Row,
  signer: string,
  removed: boolean,
): Row | undefined {
  const handler = objectIn(objectIn(definition, "spec"), "handler");
  const [type, name] = [textIn(handler, "executorType"), textIn(handler, "functionName")];
  if (type === "" || name === "") return undefined;
  const metadata = objectIn(blueprint, "metadata");
  const colonyName = textIn(metadata, "colonyname");
  const spec = {
    nodename: "",
    funcname: removed ? "cleanup" : name,
    args: [],
    kwargs: { kind: textIn(blueprint, "kind"), blueprintName: nameOf(blueprint) },
    priority: 0,
    maxwaittime: -1,
    maxexectime: -1,
    maxretries: -1,
    label: "",
    env: {},
    conditions: {
      colonyname: colonyName,
      executornames: [],
      executortype: type,
      locationname: textIn(metadata, "locationname"),
      dependencies: [],
    },
  };
  const initiator = state.isMember(signer, colonyName, false) ? state.initiatorName(signer, colonyName) : "";
  const process = addProcess(state, { spec: normaliseSpec(spec), initiatorId: signer, initiatorName: initiator });
  state.changed(process);
  return process;
}

function ensureReconcileCron(state: ColonyState, definition: Row, blueprint: Row, signer: string): void {
  const handler = objectIn(objectIn(definition, "spec"), "handler");
  if (textIn(handler, "executorType") === "") return;
  const colonyName = textIn(objectIn(blueprint, "metadata"), "colonyname");
  const name = `reconcile-${textIn(blueprint, "kind")}`;
  if (state.crons.find((row) => row["colonyname"] === colonyName && row["name"] === name) !== undefined) return;
  const workflow = {
    colonyname: colonyName,
    functionspecs: [
      {
        nodename: "reconcile",
        funcname: textIn(handler, "functionName"),
        kwargs: { kind: textIn(blueprint, "kind") },
        maxexectime: -1,
        maxretries: -1,
        conditions: { executortype: textIn(handler, "executorType") },
      },
    ],
  };
  const cronid = state.newId();
  const schedule = { cronexpression: "", interval: reconcileSeconds, random: false, waitforprevprocessgraph: true };
  state.crons.set(cronid, {
    cronid,
    initiatorid: signer,
    initiatorname: "",
    colonyname: colonyName,
    name,
    ...schedule,
    nextrun: formatTime(nextRun(schedule, state.settings.now())),
    lastrun: "0001-01-01T00:00:00Z",
    workflowspec: canonicalJson(workflow),
    prevprocessgraphid: "",
    checkerperiod: 1000,
  });
}

function remember(state: ColonyState, blueprint: Row, signer: string, changetype: string): void {
  const metadata = objectIn(blueprint, "metadata");
  const historyid = crypto.randomUUID();
  state.history.set(historyid, {
    historyid,
    blueprintid: blueprint["blueprintid"] ?? "",
    kind: blueprint["kind"] ?? "",
    namespace: textIn(metadata, "colonyname"),
    name: nameOf(blueprint),
    generation: metadata["generation"] ?? 0,
    spec: blueprint["spec"] ?? {},
    timestamp: state.now(),
    changedby: signer,
    changetype,
  });
}

function requireBlueprint(state: ColonyState, colonyName: string, name: string): Row {
  const row = state.blueprints.get(`${colonyName}:${name}`);
  if (row === undefined) throw new Refusal(404, "Blueprint not found");
  return row;
}

function withoutEmptyStatus(row: Row): Row {
  const { status, ...rest } = row;
  return status === null || status === undefined ? rest : row;
}

function kindOf(definition: Row): string {
  return textIn(objectIn(objectIn(definition, "spec"), "names"), "kind");
}

function nameOf(blueprint: Row): string {
  return textIn(objectIn(blueprint, "metadata"), "name");
}
