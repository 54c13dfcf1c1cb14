import { colonyOptions, defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const agent = defineCommand({
  name: "agent",
  summary: "Enroll and list the agents of a colony's nodes",
  description:
    "`enroll ID` adds the agent with this id to the colony and approves it. The owner does it once for each node, with the owner's key in COLONIES_COLONY_PRVKEY, which is used for these calls and never stored, and a user's key in COLONIES_PRVKEY, because owners may not list. `list` shows the agents that were enrolled, whether the colony takes them, and when it heard of them last.",
  arguments: [
    { name: "action", description: "enroll, list" },
    { name: "id", description: "what `cpm-agent id` printed on the node", optional: true },
  ],
  options: {
    name: {
      type: "string",
      value: "NAME",
      description: "What enroll calls the agent. Default: cpm-agent- and the first 12 characters of the id.",
    },
    ...colonyOptions,
  },
  examples: [
    { line: "COLONIES_COLONY_PRVKEY=… cpm agent enroll 4787a5… --name node-1", description: "Once for each node." },
    { line: "cpm agent list --json", description: "All agents, for a program." },
  ],
  async run(invocation) {
    const { args, options } = invocation;
    const [action = "", ...rest] = args;
    if (action === "list") {
      if (rest.length > 0) throw usageError("`cpm agent list` takes no id");
      if (options.name !== undefined) throw usageError("`cpm agent list` takes no --name");
      const { listAgents } = await import("../agent/list.ts");
      return withSession(invocation, (session) => listAgents(session, invocation));
    }
    if (action !== "enroll") throw usageError(`there is no \`cpm agent ${action}\``, "There is enroll, list.");
    const { enrollAgent } = await import("../agent/enroll.ts");
    return withSession(invocation, (session) => enrollAgent(session, rest, { name: options.name }, invocation));
  },
});
