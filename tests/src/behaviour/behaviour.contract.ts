import { afterAll, beforeAll, describe } from "bun:test";
import { createBehaviour } from "./behaviour.ts";
import { describeMembership } from "./membership.contract.ts";
import { describeExecutors } from "./executors.contract.ts";
import { describeProcesses } from "./processes.contract.ts";
import { describeClosing } from "./closing.contract.ts";
import { describeWorkflows } from "./workflows.contract.ts";
import { describeSchedules } from "./schedules.contract.ts";
import { describeBlueprints } from "./blueprints.contract.ts";
import { describeFiles } from "./files.contract.ts";
import type { ColonyUnderTest } from "./wire.ts";

const areas = [
  describeMembership,
  describeExecutors,
  describeProcesses,
  describeClosing,
  describeWorkflows,
  describeSchedules,
  describeBlueprints,
  describeFiles,
];

/**
 * What a ColonyOS 1.9.12 server does, as exact statuses and words. It runs against the real server, which is
 * always right, and against the embedded one, which this suite proves to be faithful.
 */
export function describeColonyBehaviour(name: string, start: () => Promise<ColonyUnderTest>): void {
  describe(name, () => {
    let colony: ColonyUnderTest | undefined;
    beforeAll(async () => {
      colony = await start();
    }, 300_000);
    afterAll(async () => colony?.stop());
    const behaviour = createBehaviour(() => {
      if (colony === undefined) throw new Error("the colony did not start");
      return colony;
    });
    for (const describeArea of areas) describeArea(behaviour);
  });
}
