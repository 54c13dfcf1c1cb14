import { defineCommand, registryOptions } from "../command.ts";
import { requireRegistry } from "../require-registry.ts";
import { withSession } from "../with-session.ts";

export const outdated = defineCommand({
  name: "outdated",
  summary: "Show which locked versions are not the newest",
  description:
    "For each: the version that is locked, the newest that colony.yaml allows, and the newest that there is. Ends with status 3 when something is out of date.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: registryOptions,
  examples: [{ line: "cpm outdated", description: "What could be newer." }],
  async run(invocation) {
    const { args, output } = invocation;
    const operations = await import("@cpm/operations/resolution");
    return withSession(invocation, async (session) => {
      const project = operations.readProject(args[0] ?? ".");
      const lock = operations.requireCurrentLock(project);
      const registry = requireRegistry(session.settings);
      const rows = await operations.findOutdated(lock, registry, session.access().metadata);
      output.data(
        rows.map((row) => ({ ...row })),
        () =>
          rows.length === 0
            ? "everything is the newest"
            : output.table(
                [{ title: "PACKAGE" }, { title: "LOCKED" }, { title: "WANTED" }, { title: "NEWEST" }],
                rows.map(({ name, locked, wanted, newest }) => [name, locked, wanted, newest]),
              ),
      );
      return rows.length === 0 ? 0 : 3;
    });
  },
});
