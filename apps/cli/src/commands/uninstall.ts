import { colonyOptions, defineCommand } from "../command.ts";
import { confirm } from "../prompt.ts";
import { withSession } from "../with-session.ts";

export const uninstall = defineCommand({
  name: "uninstall",
  summary: "Remove a release from a colony",
  description:
    "Schedules go first, running work is cancelled, records go last, and the nodes let its packages go. The revisions stay in the history unless --purge is given. A release that another one requires is not removed. An executor that pays no heed to cancelling may finish what it runs.",
  arguments: [{ name: "release", description: "the release" }],
  options: {
    purge: { type: "boolean", description: "Remove the history, and its processes with their logs and outputs." },
    "skip-requirements": { type: "boolean", description: "Remove it although another release requires it." },
    yes: { type: "boolean", short: "y", description: "Do not ask before --purge." },
    ...colonyOptions,
  },
  examples: [
    { line: "cpm uninstall wordcount", description: "End it; the history stays." },
    { line: "cpm uninstall wordcount --purge --yes", description: "Leave no trace of it." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { uninstallRelease } = await import("@cpm/operations");
    const release = args[0] ?? "";
    const purge = options.purge === true;
    if (purge && options.yes !== true && !(await confirm(context, `Remove all history of "${release}"?`, "--yes"))) {
      output.note("nothing was removed");
      return 0;
    }
    return withSession(invocation, async (session) => {
      const request = { release, purge, skipRequirements: options["skip-requirements"] === true };
      const result = await uninstallRelease(request, session.releases(), (item) => output.progress.update(item));
      for (const note of result.notes) output.note(note);
      const removed = result.removed.map(({ kind, name }) => `${kind} ${name}`);
      output.data({ release, revision: result.revision, removed, notes: [...result.notes] }, () =>
        [`uninstalled ${release}`, ...removed.map((entry) => `  ${entry}`)].join("\n"),
      );
      return 0;
    });
  },
});
