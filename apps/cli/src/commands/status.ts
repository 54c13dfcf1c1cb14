import type { JsonValue } from "@cpm/base";
import type { ReleaseStatus } from "@cpm/operations";
import { colonyOptions, defineCommand } from "../command.ts";
import type { Output } from "../output/output.ts";
import { labelOf } from "../render-plan.ts";
import { withSession } from "../with-session.ts";

export const status = defineCommand({
  name: "status",
  summary: "Show how a release stands",
  description:
    "Its newest revision, everything that it created, the states of its processes, and what to do where something is to be done.",
  arguments: [{ name: "release", description: "the release" }],
  options: colonyOptions,
  examples: [{ line: "cpm status wordcount", description: "How it stands." }],
  async run(invocation) {
    const { args, output } = invocation;
    const { readReleaseStatus } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const found = await readReleaseStatus(args[0] ?? "", session.releases());
      output.data(toDocument(found), () => formatStatus(found, output));
      return 0;
    });
  },
});

function toDocument({ revision, explanation, resources }: ReleaseStatus): JsonValue {
  const { record, status: present } = revision;
  const { created: _created, beat: _beat, ...rest } = present;
  return JSON.parse(JSON.stringify({ ...record, ...rest, explanation, resources })) as JsonValue;
}

function formatStatus({ revision, explanation, resources }: ReleaseStatus, output: Output): string {
  const { record, status: present } = revision;
  const { bold, dim } = output.style;
  const root = record.packages.at(-1);
  const several = record.packages.some(({ instance }) => instance !== undefined);
  const from = (text: string): readonly string[] => (several ? [text] : []);
  const rows = resources.flatMap((resource) => [
    [
      resource.kind,
      resource.name,
      ...from(labelOf({ name: resource.package, instance: resource.instance })),
      colourState(resource.state.state, output),
      resource.state.detail ?? resource.id?.slice(0, 12) ?? "",
    ],
    ...resource.state.processes
      .filter(() => resource.kind === "Workflow")
      .map((process) => [
        "",
        dim(`· ${process.node}`),
        ...from(""),
        colourState(process.state, output),
        process.errors[0] ?? process.id.slice(0, 12),
      ]),
  ]);
  return [
    `${bold(record.release)} revision ${record.revision}, ${present.phase}: ${root?.name}@${root?.version}`,
    explanation,
    ...(rows.length === 0
      ? []
      : [
          "",
          output.table(
            [
              { title: "KIND" },
              { title: "NAME" },
              ...from("FROM").map((title) => ({ title })),
              { title: "STATE" },
              { title: "DETAIL", flexible: true },
            ],
            rows,
          ),
        ]),
  ].join("\n");
}

function colourState(state: string, { style }: Output): string {
  if (state === "success" || state === "active") return style.green(state);
  if (state === "failed" || state === "missing") return style.red(state);
  return state === "cancelled" ? style.yellow(state) : style.cyan(state);
}
