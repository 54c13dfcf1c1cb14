import { defineCommand, registryOptions } from "../command.ts";
import { relock } from "../relock.ts";
import { bundleOptions, lockOptions, resolutionOptions } from "../resolution-options.ts";
import { withSession } from "../with-session.ts";

export const lock = defineCommand({
  name: "lock",
  summary: "Choose and write down the versions a package needs",
  description:
    "Resolves the dependencies of colony.yaml and writes cpm.lock: for every package its version, registry, digests and sizes. Versions that are locked already are kept where they fit; `cpm update` moves them.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: { ...resolutionOptions, ...bundleOptions, locked: lockOptions.locked, ...registryOptions },
  examples: [
    { line: "cpm lock", description: "Write cpm.lock for the package here." },
    { line: "cpm lock --locked", description: "In CI: fail when cpm.lock is not up to date." },
  ],
  async run(invocation) {
    const { args, options, output } = invocation;
    const operations = await import("@cpm/operations");
    return withSession(
      invocation,
      async (session) => {
        const project = operations.readProject(args[0] ?? ".");
        if (options.locked === true) operations.requireCurrentLock(project);
        const request = { project, minimumAgeMs: options["min-age"] };
        await relock(request, options.locked !== true, session, output);
        return 0;
      },
      options,
    );
  },
});
