import { tellFailure, UsageError } from "@cpm/service";
import { agentSettings } from "../settings/setting-table.ts";
import type { Command, CommandIo } from "./command.ts";

/** Loaded when they are asked for: `health` is run every few seconds on every node. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  health: async () => (await import("./health.ts")).health,
  config: async () => (await import("./config.ts")).config,
  id: async () => (await import("./id.ts")).id,
};

const usage = `cpm-agent serve --root DIR --socket PATH --registry URL

Puts verified packages on this node for its processes, over gRPC on a Unix socket.

${agentSettings.describe(28)}
  --config FILE             a YAML file with the same settings: maxLease: 7d
  --help                    this text

Each can also be a variable of the environment: --max-lease is CPM_AGENT_MAX_LEASE. A flag comes before a variable, a
variable before the file.

  cpm-agent health --socket PATH [--json]       whether an agent serves; the exit status says it too
  cpm-agent config check [the flags of serve]   what serve would be started with
  cpm-agent id --key FILE [--json]              the id of this node's key, made when the file is missing
`;

/** Answers the exit status: 0, 2 for wrong usage, and for a failure what its kind stands for, as with `cpm`. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [name = "", ...rest] = args;
  if (args.includes("--help") || args.includes("-h")) {
    io.print(usage);
    return 0;
  }
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) throw new UsageError(`"${name}" is none of: ${Object.keys(commands).join(", ")}`);
    const command = await load();
    return await command(rest, io);
  } catch (error) {
    return tellFailure(error, { program: "cpm-agent", json: args.includes("--json"), tell: io.tell });
  }
}
