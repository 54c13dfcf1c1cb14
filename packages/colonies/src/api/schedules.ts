import type { JsonObject } from "@cpm/base";
import { stringifyJson } from "@cpm/base";
import { readCron, readGenerator } from "../colony-types.ts";
import type { Cron, Generator } from "../colony-types.ts";
import { completeSpec } from "../process-types.ts";
import type { FunctionSpec } from "../process-types.ts";
import type { CallOptions, Caller } from "../transport.ts";
import { checkName, readList, readObject } from "../wire.ts";

const listCount = 10_000;

export interface NewCron {
  readonly name: string;
  readonly functionSpecs: readonly FunctionSpec[];
  /** Six fields, seconds first, or a descriptor such as `@hourly`. */
  readonly expression?: string;
  /** In place of an expression. */
  readonly intervalSeconds?: number;
  readonly random?: boolean;
  readonly waitForPrevious?: boolean;
}

/** Workflows by the clock. A cron runs as whoever added it. */
export class CronApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  async add(cron: NewCron, options?: CallOptions): Promise<Cron> {
    const fields = {
      colonyname: this.#colonyName,
      name: checkName(cron.name, "a cron"),
      cronexpression: cron.expression ?? "",
      interval: cron.intervalSeconds ?? -1,
      random: cron.random ?? false,
      waitforprevprocessgraph: cron.waitForPrevious ?? false,
      workflowspec: workflowText(this.#colonyName, cron.functionSpecs),
    };
    return readCron(readObject(await this.#caller.call("addcronmsg", { cron: fields }, options), "addcronmsg"));
  }

  async get(cronId: string, options?: CallOptions): Promise<Cron> {
    return readCron(readObject(await this.#caller.call("getcronmsg", { cronid: cronId }, options), "getcronmsg"));
  }

  async list(options?: CallOptions): Promise<Cron[]> {
    return readList(
      await this.#caller.call("getcronsmsg", { colonyname: this.#colonyName, count: listCount }, options),
      "getcronsmsg",
      readCron,
    );
  }

  async run(cronId: string, options?: CallOptions): Promise<Cron> {
    return readCron(readObject(await this.#caller.call("runcronmsg", { cronid: cronId }, options), "runcronmsg"));
  }

  async remove(cronId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removecronmsg", { cronid: cronId, all: false }, options);
  }
}

export interface NewGenerator {
  readonly name: string;
  readonly functionSpecs: readonly FunctionSpec[];
  /** How many packed values start a workflow. */
  readonly trigger: number;
  /** After how long fewer do; 0 for never. */
  readonly timeoutSeconds?: number;
}

/** Workflows by the number of values that were packed. */
export class GeneratorApi {
  readonly #caller: Caller;
  readonly #colonyName: string;
  constructor(caller: Caller, colonyName: string) {
    this.#caller = caller;
    this.#colonyName = colonyName;
  }

  async add(generator: NewGenerator, options?: CallOptions): Promise<Generator> {
    const fields: JsonObject = {
      colonyname: this.#colonyName,
      name: checkName(generator.name, "a generator"),
      workflowspec: workflowText(this.#colonyName, generator.functionSpecs),
      trigger: generator.trigger,
      timeout: generator.timeoutSeconds ?? 0,
    };
    return readGenerator(
      readObject(await this.#caller.call("addgeneratormsg", { generator: fields }, options), "addgeneratormsg"),
    );
  }

  async get(generatorId: string, options?: CallOptions): Promise<Generator> {
    return readGenerator(
      readObject(await this.#caller.call("getgeneratormsg", { generatorid: generatorId }, options), "getgeneratormsg"),
    );
  }

  async resolve(name: string, options?: CallOptions): Promise<Generator> {
    const message = { colonyname: this.#colonyName, generatorname: name };
    return readGenerator(
      readObject(await this.#caller.call("resolvegeneratormsg", message, options), "resolvegeneratormsg"),
    );
  }

  async list(options?: CallOptions): Promise<Generator[]> {
    const message = { colonyname: this.#colonyName, count: listCount };
    return readList(await this.#caller.call("getgeneratorsmsg", message, options), "getgeneratorsmsg", readGenerator);
  }

  async pack(generatorId: string, argument: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("packgeneratormsg", { generatorid: generatorId, arg: argument }, options);
  }

  async remove(generatorId: string, options?: CallOptions): Promise<void> {
    await this.#caller.call("removegeneratormsg", { generatorid: generatorId, all: false }, options);
  }
}

/** On the wire the workflow of a schedule is a text that holds JSON. */
function workflowText(colonyName: string, functionSpecs: readonly FunctionSpec[]): string {
  return stringifyJson({
    colonyname: colonyName,
    functionspecs: functionSpecs.map((spec) => completeSpec(spec, colonyName)),
  });
}
