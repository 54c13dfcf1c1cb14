import { carryOut, waitOptions } from "../carry-out.ts";
import { colonyOptions, colonyosOptions, defineCommand } from "../command.ts";
import { inputOptions, readGivenInputs } from "../input-options.ts";
import { placementLimits } from "../placement-options.ts";
import { currentPlatform } from "../platform.ts";
import { bundleOptions } from "../resolution-options.ts";
import { withSession } from "../with-session.ts";

export const apply = defineCommand({
  name: "apply",
  summary: "Carry out a saved plan",
  description:
    "Does exactly what the plan says, or nothing: the package must have the same bytes, the work must render the same, the release must stand as it did, and the executors that it needs and the nodes that get its files must still be there. Secrets are not in a plan and are given again.",
  arguments: [{ name: "plan", description: "what `cpm install --plan FILE` wrote", complete: "files" }],
  options: {
    ...inputOptions,
    ...waitOptions,
    ...placementLimits,
    ...bundleOptions,
    ...colonyOptions,
    ...colonyosOptions,
  },
  examples: [{ line: "cpm apply plan.json --wait", description: "Carry it out and wait for the work." }],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const operations = await import("@cpm/operations");
    const { readGivenFile } = await import("../given-file.ts");
    const file = args[0] ?? "";
    const { saved, source } = operations.parsePlanFile(readGivenFile(file, context), file);
    const given = [...operations.inputsOfPlan(saved.plan, file), ...(await readGivenInputs(options, context))];
    const flags = {
      server: options.server,
      colony: options.colony ?? saved.plan.colony,
      "colonyos-version": options["colonyos-version"],
    };
    return withSession(
      { context, output, options: flags },
      async (session) => {
        const releases = session.releases();
        const request = { source, given, releaseName: saved.plan.release, platform: currentPlatform() };
        const { colonyosVersion } = session.settings;
        const prepared = await operations.prepareInstall(
          { ...request, planned: saved.plan, colonyosVersion },
          releases,
        );
        output.diagnostics(prepared.warnings);
        operations.assertSamePlan(saved.plan, prepared.plan);
        return carryOut(prepared, options, releases, output);
      },
      { from: options.from },
    );
  },
});
