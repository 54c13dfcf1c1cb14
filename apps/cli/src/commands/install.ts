import type { JsonValue } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { carryOut, waitOptions } from "../carry-out.ts";
import { colonyOptions, colonyosOptions, defineCommand, registryOptions } from "../command.ts";
import { readGivenSource } from "../given-source.ts";
import { inputOptions, readGivenInputs } from "../input-options.ts";
import { placementOptions, readPlacement } from "../placement-options.ts";
import { currentPlatform } from "../platform.ts";
import { bundleOptions, lockOptions, resolutionOptions } from "../resolution-options.ts";
import { formatPlan } from "../render-plan.ts";
import { withSession } from "../with-session.ts";

export const install = defineCommand({
  name: "install",
  summary: "Install a package into a colony",
  description:
    "Fetches and verifies the package and what it needs, checks the inputs and the colony, places the files on the nodes that have an agent, or on this machine where none has, creates a revision of the release and submits its work. Nothing is submitted when anything is wrong beforehand; when something fails half-way, it is undone.",
  arguments: [{ name: "package", description: "a reference, a directory or a .cpm file", complete: "files" }],
  options: {
    name: { type: "string", value: "NAME", description: "The release. Default: the last part of the package's name." },
    ...inputOptions,
    ...waitOptions,
    "dry-run": { type: "boolean", description: "Print the plan and change nothing." },
    plan: { type: "string", value: "FILE", description: "Save the plan for `cpm apply` and change nothing." },
    ...placementOptions,
    ...lockOptions,
    ...resolutionOptions,
    ...bundleOptions,
    "skip-requirements": { type: "boolean", description: "Install although an executor or a version is missing." },
    ...registryOptions,
    ...colonyOptions,
    ...colonyosOptions,
  },
  examples: [
    { line: "cpm install rise/wordcount --wait", description: "The newest version, and its result." },
    { line: "cpm install rise/wordcount@^1.2 --name books --set shards=8", description: "A range, a name, an input." },
    { line: "cpm install rise/wordcount --selector name=gpu-*", description: "Its files on some nodes only." },
    { line: "cpm install ./hello --dry-run", description: "What a package here would do." },
    { line: "cpm install rise/wordcount --from app.bundle", description: "With no network at all." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const operations = await import("@cpm/operations");
    const { givenTarget } = await import("../given-file.ts");
    const planPath = options.plan === undefined ? undefined : givenTarget(options.plan, context);
    const given = await readGivenInputs(options, context);
    const placement = await readPlacement(options);
    return withSession(
      invocation,
      async (session) => {
        const releases = session.releases();
        const source = await readGivenSource(args[0] ?? "", context);
        const request = {
          source,
          given,
          releaseName: options.name,
          platform: currentPlatform(),
          placement,
          skipRequirements: options["skip-requirements"] === true,
          lock: source.kind === "path" ? operations.lockFor(source.path, options) : undefined,
          minimumAgeMs: session.settings.minimumAgeMs,
          colonyosVersion: session.settings.colonyosVersion,
        };
        const prepared = await operations.prepareInstall(request, releases);
        output.diagnostics(prepared.warnings);
        const { plan } = prepared;
        if (planPath !== undefined) {
          const saved = operations.formatPlanFile({ plan, source: operations.formatPlanSource(source, plan) });
          const { replaceFile } = await import("@cpm/store");
          const { stringifyJson } = await import("@cpm/base");
          replaceFile(planPath, encodeUtf8(`${stringifyJson(saved, 2)}\n`));
          output.note(`saved the plan to ${options.plan}; \`cpm apply ${options.plan}\` carries it out`);
        }
        if (options["dry-run"] === true || planPath !== undefined) {
          output.data(plan as unknown as JsonValue, () => formatPlan(plan, output));
          return 0;
        }
        return carryOut(prepared, options, releases, output);
      },
      options,
    );
  },
});
