import { carryOut, waitOptions } from "../carry-out.ts";
import { colonyOptions, defineCommand } from "../command.ts";
import { inputOptions, readGivenInputs } from "../input-options.ts";
import { currentPlatform } from "../platform.ts";
import { bundleOptions } from "../resolution-options.ts";
import { withSession } from "../with-session.ts";

export const apply = defineCommand({
  name: "apply",
  summary: "Carry out a saved plan",
  description:
    "Does exactly what the plan says, or nothing: the package must have the same bytes, the work must render the same and the release must stand as it did. Secrets are not in a plan and are given again.",
  arguments: [{ name: "plan", description: "what `cpm install --plan FILE` wrote", complete: "files" }],
  options: { ...inputOptions, ...waitOptions, ...bundleOptions, ...colonyOptions },
  examples: [{ line: "cpm apply plan.json --wait", description: "Carry it out and wait for the work." }],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const operations = await import("@cpm/operations");
    const { readGivenFile } = await import("../given-file.ts");
    const file = args[0] ?? "";
    const { saved, source } = operations.parsePlanFile(readGivenFile(file, context), file);
    const given = [...operations.inputsOfPlan(saved.plan, file), ...(await readGivenInputs(options, context))];
    const flags = { server: options.server, colony: options.colony ?? saved.plan.colony };
    return withSession(
      { context, output, options: flags },
      async (session) => {
        const releases = session.releases();
        const request = { source, given, releaseName: saved.plan.release, platform: currentPlatform() };
        const prepared = await operations.prepareInstall({ ...request, skipRequirements: true }, releases);
        operations.assertSamePlan(saved.plan, prepared.plan);
        return carryOut(prepared, options, releases, output);
      },
      { from: options.from },
    );
  },
});
