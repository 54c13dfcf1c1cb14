import { colonyOptions, defineCommand } from "../command.ts";
import { withSession } from "../with-session.ts";

export const list = defineCommand({
  name: "list",
  summary: "List the releases of a colony",
  arguments: [],
  options: { all: { type: "boolean", short: "a", description: "Those that were uninstalled too." }, ...colonyOptions },
  examples: [
    { line: "cpm list", description: "What is installed." },
    { line: "cpm list --all --json", description: "Everything that ever was, for a program." },
  ],
  async run(invocation) {
    const { options, context, output } = invocation;
    const { ReleaseBook } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const { revisions, unreadable } = await new ReleaseBook(session.colony(), context.clock).read(context.signal);
      for (const error of unreadable) output.note(`warning: ${error.message}`);
      const newest = [...new Map(revisions.map((revision) => [revision.record.release, revision])).values()];
      const shown = newest.filter(({ status }) => options.all === true || status.phase !== "uninstalled");
      const rows = shown.map(({ record, status }) => {
        const root = record.packages.at(-1);
        return {
          release: record.release,
          revision: record.revision,
          phase: status.phase,
          package: `${root?.name ?? ""}@${root?.version ?? ""}`,
          updatedAt: status.updatedAt,
        };
      });
      output.data(rows, () =>
        rows.length === 0
          ? "no releases"
          : output.table(
              [
                { title: "RELEASE" },
                { title: "REVISION" },
                { title: "PHASE" },
                { title: "PACKAGE" },
                { title: "UPDATED" },
              ],
              rows.map((row) => [
                row.release,
                String(row.revision),
                row.phase,
                row.package,
                output.time(row.updatedAt),
              ]),
            ),
      );
      return 0;
    });
  },
});
