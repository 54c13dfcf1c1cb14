import { colonyOptions, defineCommand } from "../command.ts";
import { logLines } from "../follow-logs.ts";
import { withSession } from "../with-session.ts";

export const logs = defineCommand({
  name: "logs",
  summary: "Show what a release's processes print",
  description: "Of every process of the release, also those that its schedules started.",
  arguments: [{ name: "release", description: "the release" }],
  options: {
    follow: { type: "boolean", description: "Go on until all its work has ended." },
    node: { type: "string", value: "NODE", description: "Only of this node of a workflow." },
    ...colonyOptions,
  },
  examples: [
    { line: "cpm logs wordcount --follow", description: "As it prints." },
    { line: "cpm logs wordcount --node reduce", description: "Of one node." },
  ],
  async run(invocation) {
    const { args, options, output } = invocation;
    const { readReleaseLogs } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const request = { release: args[0] ?? "", follow: options.follow === true, node: options.node };
      for await (const entry of readReleaseLogs(request, session.releases())) {
        const { process, message, timestampNs } = entry;
        const { id, node, functionName } = process;
        output.streamed(
          { process: id, node, function: functionName, message, timestampNs: timestampNs.toString() },
          () => logLines(entry).join("\n"),
        );
      }
      return 0;
    });
  },
});
