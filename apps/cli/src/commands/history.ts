import { colonyOptions, defineCommand } from "../command.ts";
import { withSession } from "../with-session.ts";

export const history = defineCommand({
  name: "history",
  summary: "Show the revisions of a release",
  arguments: [{ name: "release", description: "the release" }],
  options: colonyOptions,
  examples: [{ line: "cpm history wordcount", description: "Who installed what, and when." }],
  async run(invocation) {
    const { args, context, output } = invocation;
    const { ReleaseBook } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const book = new ReleaseBook(session.colony(), context.clock);
      const release = args[0] ?? "";
      await book.newest(release, context.signal);
      const rows = (await book.history(release, context.signal)).map(({ record, status }) => {
        const root = record.packages.at(-1);
        return {
          revision: record.revision,
          phase: status.phase,
          package: `${root?.name ?? ""}@${root?.version ?? ""}`,
          digest: root?.digest ?? "",
          startedAt: record.client.startedAt,
          by: `${record.client.user}@${record.client.host}`,
          ...(status.message === undefined ? {} : { message: status.message }),
        };
      });
      const noted = rows.some((row) => row.message !== undefined);
      output.data(rows, () =>
        output.table(
          [
            { title: "REVISION" },
            { title: "PHASE" },
            { title: "PACKAGE" },
            { title: "STARTED" },
            { title: "BY", flexible: true },
            ...(noted ? [{ title: "NOTE", flexible: true }] : []),
          ],
          rows.map((row) => [
            String(row.revision),
            row.phase,
            row.package,
            output.time(row.startedAt),
            row.by,
            ...(noted ? [row.message ?? ""] : []),
          ]),
        ),
      );
      return 0;
    });
  },
});
