import { colonyOptions, defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "Check packages where they are",
  description:
    "With --fleet every node that has an agent reads its packages again, whole, and says which files are not what they should be. A package is missing where a release had it placed and the node has it no more. The exit status is 7 when something is damaged or missing, else 1 when a node did not answer.",
  arguments: [{ name: "package", description: "only this: namespace/name, or namespace/name@range", optional: true }],
  options: {
    fleet: { type: "boolean", description: "Check the nodes of the colony." },
    timeout: { type: "duration", value: "10m", description: "Give each node this long. Default: 10m." },
    ...colonyOptions,
  },
  examples: [
    { line: "cpm verify --fleet", description: "Everything that the nodes have." },
    { line: "cpm verify --fleet rise/wordcount --json", description: "One package, for a program." },
  ],
  async run(invocation) {
    const { args, options } = invocation;
    if (options.fleet !== true) throw usageError("`cpm verify` is not told what to check", "Say --fleet.");
    const { showFleet } = await import("../verify/fleet.ts");
    const request = { package: args[0], timeoutMs: options.timeout };
    return withSession(invocation, (session) => showFleet(session, request, invocation));
  },
});
