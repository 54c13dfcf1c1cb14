import type { JsonObject } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import { listIn, nullWhenEmpty, numberIn, objectIn, textIn } from "../colony-state.ts";
import type { ColonyState } from "../colony-state.ts";
import { zeroTime } from "../go-json.ts";
import { cronType, generatorType } from "../go-types.ts";
import { Refusal } from "../refusal.ts";
import { nextRun, runCron } from "../schedules.ts";
import type { Row } from "../tables.ts";
import { checkDependencies, parseWorkflowText } from "../workflows.ts";
import type { MethodTable } from "./method.ts";
import { empty } from "./method.ts";

const checkerPeriodMs = 1000;

/** Crons and generators. */
export const scheduleMethods: MethodTable = {
  addcronmsg: {
    action: "add cron",
    fields: { cron: cronType },
    run({ state, signer, message }) {
      const cron = objectIn(message, "cron");
      const [colonyName, name] = [textIn(cron, "colonyname"), textIn(cron, "name")];
      state.requireMember(signer, colonyName);
      const interval = numberIn(cron, "interval");
      if (interval === 0 || interval < -1)
        throw new Refusal(400, "Cron interval must be -1 (disabled) or larger than 0");
      if (interval === -1 && cron["random"] === true)
        throw new Refusal(400, "Random cron is only supported when specifying intervals");
      checkWorkflow(textIn(cron, "workflowspec"));
      // Checks the expression; the run itself is planned by the clockwork.
      nextRun(cron, state.settings.now());
      if (state.crons.find((row) => row["colonyname"] === colonyName && row["name"] === name) !== undefined) {
        throw new Refusal(400, `Cron with name <${name}> in Colony <${colonyName}> already exists`);
      }
      const cronid = state.newId();
      const initiator = { initiatorid: signer, initiatorname: state.initiatorName(signer, colonyName) };
      return state.crons.set(cronid, {
        cronid,
        ...initiator,
        ...cron,
        nextrun: zeroTime,
        lastrun: zeroTime,
        prevprocessgraphid: "",
        checkerperiod: checkerPeriodMs,
      });
    },
  },
  getcronmsg: {
    action: "get cron",
    fields: { cronid: "string" },
    run: ({ state, signer, message }) =>
      requireRow(state, signer, state.crons.get(textIn(message, "cronid")), "Failed to get cron, cron is nil"),
  },
  getcronsmsg: {
    action: "get crons",
    fields: { colonyname: "string", count: "int" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      return state.crons
        .filter((row) => row["colonyname"] === message["colonyname"])
        .slice(0, numberIn(message, "count"));
    },
  },
  runcronmsg: {
    action: "run cron",
    fields: { cronid: "string" },
    run: ({ state, signer, message }) =>
      runCron(
        state,
        requireRow(state, signer, state.crons.get(textIn(message, "cronid")), "Failed to run cron, cron is nil"),
      ),
  },
  removecronmsg: {
    action: "remove cron",
    fields: { cronid: "string", all: "bool" },
    run({ state, signer, message }) {
      requireRow(state, signer, state.crons.get(textIn(message, "cronid")), "Failed to remove cron, cron is nil");
      state.crons.delete(textIn(message, "cronid"));
      return empty;
    },
  },
  addgeneratormsg: {
    action: "add generator",
    fields: { generator: generatorType },
    run({ state, signer, message }) {
      const generator = objectIn(message, "generator");
      const [colonyName, name] = [textIn(generator, "colonyname"), textIn(generator, "name")];
      state.requireMember(signer, colonyName);
      checkWorkflow(textIn(generator, "workflowspec"));
      if (state.generators.find((row) => row["colonyname"] === colonyName && row["name"] === name) !== undefined) {
        throw new Refusal(400, `Generator with name <${name}> in Colony <${colonyName}> already exists`);
      }
      const generatorid = state.newId();
      const initiator = { initiatorid: signer, initiatorname: state.initiatorName(signer, colonyName) };
      const times = { firstpack: zeroTime, lastrun: zeroTime, queuesize: 0, checkerperiod: checkerPeriodMs };
      return state.generators.set(generatorid, { generatorid, ...initiator, ...generator, ...times });
    },
  },
  getgeneratormsg: {
    action: "get generator",
    fields: { generatorid: "string" },
    run({ state, signer, message }) {
      const id = textIn(message, "generatorid");
      const generator = requireRow(
        state,
        signer,
        state.generators.get(id),
        "Failed to get generator, generator is nil",
      );
      return { ...generator, queuesize: state.packed.filter((row) => row["generatorid"] === id).length };
    },
  },
  resolvegeneratormsg: {
    action: "resolve generator",
    fields: { colonyname: "string", generatorname: "string" },
    run({ state, signer, message }) {
      const row = state.generators.find(
        (entry) => entry["colonyname"] === message["colonyname"] && entry["name"] === message["generatorname"],
      );
      return requireRow(state, signer, row, "Failed to resolve generator, generator is nil");
    },
  },
  getgeneratorsmsg: {
    action: "get generators",
    fields: { colonyname: "string", count: "int" },
    run({ state, signer, message }) {
      state.requireMember(signer, textIn(message, "colonyname"));
      return nullWhenEmpty(
        state.generators
          .filter((row) => row["colonyname"] === message["colonyname"])
          .slice(0, numberIn(message, "count")),
      );
    },
  },
  packgeneratormsg: {
    action: "increment generator",
    fields: { generatorid: "string", arg: "string" },
    run({ state, signer, message }) {
      const id = textIn(message, "generatorid");
      const generator = requireRow(
        state,
        signer,
        state.generators.get(id),
        "Failed to increment generator, generator is nil",
      );
      const entry = state.newId();
      state.packed.set(entry, { id: entry, generatorid: id, arg: textIn(message, "arg") });
      if (generator["firstpack"] === zeroTime) state.generators.update(id, { firstpack: state.now() });
      return empty;
    },
  },
  removegeneratormsg: {
    action: "remove generator",
    fields: { generatorid: "string", all: "bool" },
    run({ state, signer, message }) {
      const id = textIn(message, "generatorid");
      requireRow(state, signer, state.generators.get(id), "Failed to remove generator, generator is nil");
      state.generators.delete(id);
      state.packed.deleteWhere((row) => row["generatorid"] === id);
      return empty;
    },
  },
};

function checkWorkflow(text: string): void {
  checkDependencies(
    listIn(parseWorkflowText(text), "functionspecs").filter((item): item is JsonObject => isJsonObject(item)),
  );
}

function requireRow(state: ColonyState, signer: string, row: Row | undefined, otherwise: string): Row {
  if (row === undefined) throw new Refusal(500, otherwise);
  state.requireMember(signer, textIn(row, "colonyname"));
  return row;
}
