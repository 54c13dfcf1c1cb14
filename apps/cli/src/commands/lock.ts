import { defineCommand, registryOptions } from "../command.ts";
import { relock, showLock } from "../relock.ts";
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
    { line: "cpm lock --locked", description: "In CI: fail when cpm.lock is not up to date. Asks no registry." },
  ],
  async run(invocation) {
    const { args, options, output } = invocation;
    const operations = await import("@cpm/operations/resolution");
    // What is locked is what the manifest asks for: nobody has to be asked.
    if (options.locked === true) {
      const project = operations.readProject(args[0] ?? ".");
      await showLock(project.lock, operations.requireCurrentLock(project), output);
      return 0;
    }
    return withSession(
      invocation,
      async (session) => {
        const project = operations.readProject(args[0] ?? ".");
        await relock({ project, minimumAgeMs: session.settings.minimumAgeMs }, true, session, output);
        return 0;
      },
      options,
    );
  },
});
