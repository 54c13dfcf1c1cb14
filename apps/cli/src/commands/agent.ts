import type { Invocation } from "../command.ts";
import { colonyOptions, defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

/** What each action takes of the options below; `id`: whether it also takes an argument. */
const actions = {
  install: { options: ["program", "registry", "root", "dry-run"], id: false },
  status: { options: ["socket"], id: false },
  uninstall: { options: ["root", "purge", "dry-run"], id: false },
  enroll: { options: ["name", "colony", "server"], id: true },
  list: { options: ["colony", "server"], id: false },
} as const;

type Action = keyof typeof actions;

const options = {
  ...registryOptions,
  program: {
    type: "string",
    value: "FILE",
    description: "The cpm-agent to install. Default: beside cpm, else on the PATH.",
  },
  root: { type: "string", value: "DIR", description: "Only write the files, below DIR: for images and packages." },
  socket: { type: "string", value: "PATH", description: "With status: the agent's socket, if not the service's." },
  purge: { type: "boolean", description: "With uninstall: remove all packages and the settings too." },
  "dry-run": { type: "boolean", description: "With install and uninstall: show what would be done." },
  name: {
    type: "string",
    value: "NAME",
    description: "What enroll calls the agent. Default: cpm-agent- and the first 12 characters of the id.",
  },
  ...colonyOptions,
} as const;

export const agent = defineCommand({
  name: "agent",
  summary: "Run the agent on a machine, enroll it in a colony",
  description:
    "`install` puts cpm-agent on a machine that systemd runs: the program, a user of its own, a socket and a service that is confined. To upgrade, run the `install` of the newer release: the socket stays, so no call fails. `status` shows the units and what the agent says of itself; its exit status is 0 while the agent serves. `uninstall` keeps packages and settings unless it is to purge them. `enroll ID` adds the agent with this id to the colony and approves it. The owner does it once for each node, with the owner's key in COLONIES_COLONY_PRVKEY, which is used for these calls and never stored, and a user's key in COLONIES_PRVKEY, because owners may not list. `list` shows the agents that were enrolled, whether the colony takes them, and when it heard of them last.",
  arguments: [
    { name: "action", description: Object.keys(actions).join(", ") },
    { name: "id", description: "what `cpm-agent id` printed on the node", optional: true },
  ],
  options,
  examples: [
    {
      line: "cpm agent install --registry https://registry.example.org",
      description: "As root: install, enable and start it.",
    },
    { line: "cpm agent status --json", description: "How it is, for a program." },
    { line: "cpm agent uninstall", description: "As root: stop and remove it; packages stay." },
    { line: "COLONIES_COLONY_PRVKEY=… cpm agent enroll 4787a5… --name node-1", description: "Once for each node." },
    { line: "cpm agent list --json", description: "All agents, for a program." },
  ],
  async run(invocation) {
    const [name, ...rest] = invocation.args;
    const action = Object.keys(actions).find((known) => known === name) as Action | undefined;
    if (action === undefined)
      throw usageError(`there is no \`cpm agent ${name}\``, `There is ${Object.keys(actions).join(", ")}.`);
    assertTaken(action, rest, invocation.options);
    return run(action, rest, invocation);
  },
});

function assertTaken(action: Action, rest: readonly string[], given: Invocation<typeof options>["options"]): void {
  const { id, options: taken } = actions[action];
  if (!id && rest.length > 0) throw usageError(`\`cpm agent ${action}\` takes no id`);
  for (const name of Object.keys(options) as (keyof typeof options)[]) {
    if (given[name] !== undefined && !taken.some((entry) => entry === name))
      throw usageError(`\`cpm agent ${action}\` takes no --${name}`);
  }
}

/** Each action loads what it needs and nothing else. */
async function run(action: Action, rest: readonly string[], invocation: Invocation<typeof options>): Promise<number> {
  const { options: given, context, output } = invocation;
  switch (action) {
    case "install": {
      const { installService } = await import("../agent/place-service.ts");
      return installService(given, context, output);
    }
    case "status": {
      const { showStatus } = await import("../agent/service-status.ts");
      return showStatus(given.socket, output);
    }
    case "uninstall": {
      const { uninstallService } = await import("../agent/place-service.ts");
      return uninstallService(given, context, output);
    }
    case "enroll": {
      const { enrollAgent } = await import("../agent/enroll.ts");
      return withSession(invocation, (session) => enrollAgent(session, rest, { name: given.name }, invocation));
    }
    case "list": {
      const { listAgents } = await import("../agent/list.ts");
      return withSession(invocation, (session) => listAgents(session, invocation));
    }
  }
}
