import { defineCommand, registryOptions } from "../command.ts";
import { relock } from "../relock.ts";
import { bundleOptions, resolutionOptions } from "../resolution-options.ts";
import { withSession } from "../with-session.ts";

export const update = defineCommand({
  name: "update",
  summary: "Move locked versions to newer ones",
  description:
    "Moves the packages that are named, and of the others only what must follow; without names, everything. Ranges in colony.yaml stay as they are.",
  arguments: [{ name: "packages", description: "which to move; default: all", optional: true, repeated: true }],
  options: {
    directory: { type: "string", short: "C", value: "DIR", description: "The package. Default: here." },
    "dry-run": { type: "boolean", description: "Show what would move and write nothing." },
    ...resolutionOptions,
    ...bundleOptions,
    ...registryOptions,
  },
  examples: [
    { line: "cpm update rise/text-tools", description: "One package, and as little else as possible." },
    { line: "cpm update --dry-run", description: "What could move." },
  ],
  async run(invocation) {
    const { args, options, output } = invocation;
    const operations = await import("@cpm/operations/resolution");
    return withSession(
      invocation,
      async (session) => {
        const project = operations.readProject(options.directory ?? ".");
        const moving = args.length === 0 ? ("all" as const) : new Set(args);
        const request = { project, update: moving, minimumAgeMs: session.settings.minimumAgeMs };
        await relock(request, options["dry-run"] !== true, session, output);
        return 0;
      },
      options,
    );
  },
});
