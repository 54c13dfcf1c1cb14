import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { inputOptions, readGivenInputs } from "../input-options.ts";
import { bundleOptions, resolutionOptions } from "../resolution-options.ts";
import { currentPlatform } from "../platform.ts";
import { version } from "../version.ts";
import { withSession } from "../with-session.ts";

export const resolve = defineCommand({
  name: "resolve",
  summary: "Show which versions some requirements come to",
  description:
    "Chooses one version of every package that the requirements reach, and writes nothing. When there is no such choice, it says why in numbered sentences. Dependencies with a condition are kept, unless inputs are given: then the conditions of the one package that is named are evaluated.",
  arguments: [{ name: "requirements", description: "namespace/name[@range]", repeated: true }],
  options: { ...inputOptions, ...resolutionOptions, ...bundleOptions, ...registryOptions },
  examples: [
    { line: 'cpm resolve "rise/pipeline@^2"', description: "What it and its dependencies come to." },
    { line: "cpm resolve rise/pipeline --set gpu=true", description: "For these inputs." },
    { line: "cpm resolve rise/pipeline rise/web@1.x --json", description: "Two together, with their digests." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const operations = await import("@cpm/operations/resolution");
    const { parseRange, parseReference } = await import("@cpm/model");
    const given = await readGivenInputs(options, context);
    if (given.length > 0 && args.length > 1) {
      throw usageError("inputs are given and several packages named", "Name the one package that they are for.");
    }
    return withSession(
      invocation,
      async (session) => {
        const registry = session.registryHost();
        const requirements = args.map((text) => {
          const { name, selector } = parseReference(text);
          const range =
            selector.kind === "range"
              ? selector.range
              : parseRange(selector.kind === "version" ? selector.version.text : "*");
          return { name, range, from: "the command line" };
        });
        const minimumMs = session.settings.minimumAgeMs;
        const minimumAge = minimumMs === undefined ? undefined : { minimumMs, nowMs: context.clock.now() };
        const world = new operations.WorldFacts({ cpmVersion: version, platform: currentPlatform() });
        const [root] = requirements;
        const inputsOf = given.length === 0 || root === undefined ? undefined : { name: root.name, given };
        const request = { requirements, registry, minimumAge, inputsOf };
        const resolution = await operations.resolvePackages(request, session.access().metadata, world);
        output.diagnostics(operations.withdrawalWarnings(resolution.packages));
        const rows = resolution.packages.map(({ name, version: chosen, digest, yanked, yankReason, deprecated }) => ({
          name,
          version: chosen.text,
          digest,
          ...(yanked ? { yanked: yankReason ?? true } : {}),
          ...(deprecated === undefined ? {} : { deprecated: { ...deprecated } }),
        }));
        output.data(rows, () =>
          output.table(
            [{ title: "PACKAGE" }, { title: "VERSION" }, { title: "DIGEST", flexible: true }],
            rows.map((row) => [row.name, row.version, row.digest]),
          ),
        );
        return 0;
      },
      options,
    );
  },
});
