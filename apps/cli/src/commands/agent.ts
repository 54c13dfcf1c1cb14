import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";

/** What each action takes of the options below. */
const actions = {
  install: ["program", "registry", "root", "dry-run"],
  status: ["socket"],
  uninstall: ["root", "purge", "dry-run"],
} as const;

export const agent = defineCommand({
  name: "agent",
  summary: "Run the agent as a service of this machine",
  description:
    "`install` puts cpm-agent on a machine that systemd runs: the program, a user of its own, a socket and a service that is confined. To upgrade, run the `install` of the newer release: the socket stays, so no call fails. `status` shows the units and what the agent says of itself; its exit status is 0 while the agent serves. `uninstall` keeps packages and settings unless it is to purge them.",
  arguments: [{ name: "action", description: Object.keys(actions).join(", ") }],
  options: {
    ...registryOptions,
    program: {
      type: "string",
      value: "FILE",
      description: "The cpm-agent to install. Default: beside cpm, else on the PATH.",
    },
    root: { type: "string", value: "DIR", description: "Only write the files, below DIR: for images and packages." },
    socket: {
      type: "string",
      value: "PATH",
      description: "With status: the agent's socket, if it is not the service's.",
    },
    purge: { type: "boolean", description: "With uninstall: remove all packages and the settings too." },
    "dry-run": { type: "boolean", description: "Show what would be done." },
  },
  examples: [
    {
      line: "cpm agent install --registry https://registry.example.org",
      description: "As root: install, enable and start it.",
    },
    { line: "cpm agent status --json", description: "How it is, for a program." },
    { line: "cpm agent uninstall", description: "As root: stop and remove it; packages stay." },
  ],
  async run({ args, options, context, output }) {
    const name = Object.keys(actions).find((action) => action === args[0]) as keyof typeof actions | undefined;
    if (name === undefined)
      throw usageError(`there is no \`cpm agent ${args[0]}\``, `There is ${Object.keys(actions).join(", ")}.`);
    for (const [option, value] of Object.entries(options)) {
      const own = Object.values(actions)
        .flat()
        .some((entry) => entry === option);
      if (own && value !== undefined && !actions[name].some((entry) => entry === option))
        throw usageError(`\`cpm agent ${name}\` takes no --${option}`);
    }
    if (name === "status") {
      const { showStatus } = await import("../agent/service-status.ts");
      return showStatus(options.socket, output);
    }
    const { installService, uninstallService } = await import("../agent/place-service.ts");
    return name === "install" ? installService(options, context, output) : uninstallService(options, context, output);
  },
});
