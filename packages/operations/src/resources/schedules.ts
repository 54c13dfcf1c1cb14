import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { ResourceHandler, SoughtResource } from "./resource-handler.ts";
import { missingState, takingName, whenPresent } from "./resource-handler.ts";
import { readScheduleMarks } from "./stamp.ts";
import { functionSpecsIn } from "./workflows.ts";

/** A workflow that starts by the clock. */
export const cronHandler: ResourceHandler = {
  objectName: (release, name) => `cpm.${release}.${name}`,

  async create({ name, object = name, spec }, { client, signal }) {
    const { cronexpression, interval, random, waitforprevprocessgraph } = spec;
    const seconds = Number(interval ?? -1);
    const cron = await takingName(object, () =>
      client.crons.add(
        {
          name: object,
          functionSpecs: embeddedSpecs(spec),
          ...(typeof cronexpression === "string" ? { expression: cronexpression } : {}),
          ...(seconds > 0 ? { intervalSeconds: seconds } : {}),
          random: random === true,
          waitForPrevious: waitforprevprocessgraph === true,
        },
        { signal },
      ),
    );
    return { name, id: cron.id };
  },

  async find(sought, _work, { client, signal }) {
    return findSchedule(await client.crons.list({ signal }), sought);
  },

  async state({ id }, { client, signal }) {
    const cron = await whenPresent(() => client.crons.get(id, { signal }));
    if (cron === undefined) return missingState("the cron");
    const { nextRunAt } = cron;
    const detail = nextRunAt === undefined ? "" : `next run ${nextRunAt.toISOString()}`;
    return { state: "active", detail, processes: [] };
  },

  async remove({ id }, { client, signal }) {
    await whenPresent(() => client.crons.remove(id, { signal }));
    return undefined;
  },
};

/** A workflow that starts when enough values have come together. */
export const generatorHandler: ResourceHandler = {
  objectName: (release, name) => `cpm.${release}.${name}`,

  async create({ name, object = name, spec }, { client, signal }) {
    const { trigger, timeout } = spec;
    const generator = await takingName(object, () =>
      client.generators.add(
        {
          name: object,
          functionSpecs: embeddedSpecs(spec),
          trigger: Number(trigger),
          ...(timeout === undefined ? {} : { timeoutSeconds: Number(timeout) }),
        },
        { signal },
      ),
    );
    return { name, id: generator.id };
  },

  async find(sought, _work, { client, signal }) {
    return findSchedule(await client.generators.list({ signal }), sought);
  },

  async state({ id }, { client, signal }) {
    const generator = await whenPresent(() => client.generators.get(id, { signal }));
    if (generator === undefined) return missingState("the generator");
    const { queueSize, trigger } = generator;
    return { state: "active", detail: `${queueSize} of ${trigger} values waiting`, processes: [] };
  },

  async remove({ id }, { client, signal }) {
    await whenPresent(() => client.generators.remove(id, { signal }));
    return undefined;
  },
};

function findSchedule(
  schedules: readonly { readonly id: string; readonly name: string; readonly workflowSpec: string }[],
  { name, object, release, revision }: SoughtResource,
): { name: string; id: string } | undefined {
  const found = schedules.find((schedule) => schedule.name === object);
  const marks = found === undefined ? undefined : readScheduleMarks(found.workflowSpec);
  return found !== undefined && marks?.release === release && marks.revision === revision
    ? { name, id: found.id }
    : undefined;
}

function embeddedSpecs(spec: JsonObject) {
  const workflow: JsonValue | undefined = spec["workflowspec"];
  return isJsonObject(workflow) ? functionSpecsIn(workflow) : [];
}
