import { rmSync } from "node:fs";
import type { JsonObject } from "@cpm/base";
import { defineCommand } from "../command.ts";
import type { DevState } from "../dev/dev-state.ts";
import { cliError, usageError } from "../errors.ts";

const actions = ["up", "down", "status", "run"] as const;

export const dev = defineCommand({
  name: "dev",
  summary: "Run a colony and a registry on this machine",
  description:
    "`up` starts a registry, a colony and an executor of local programs in the background; while they run, every command that has nothing else configured uses them. `run` does the same in the foreground. All of it listens on this machine only.",
  arguments: [{ name: "action", description: actions.join(", ") }],
  options: {
    colonyos: { type: "boolean", description: "Run the real ColonyOS server (needs Go and PostgreSQL)." },
    shell: { type: "boolean", description: "With status: print the settings as shell variables." },
    purge: { type: "boolean", description: "With down: forget packages, releases and keys of the dev colony." },
    slots: { type: "integer", description: "How many processes the executor runs at once. Default 4." },
    "registry-port": { type: "integer", value: "PORT", description: "Default: any that is free." },
    "colony-port": { type: "integer", value: "PORT", description: "Default: any that is free." },
  },
  examples: [
    { line: "cpm dev up", description: "Start; then publish and install with no settings at all." },
    { line: 'eval "$(cpm dev status --shell)"', description: "Let ColonyOS's own tools use it too." },
    { line: "cpm dev down", description: "Stop; what was published and installed is kept." },
  ],
  async run({ args, options, context, output }) {
    const { devFolder, readDevState } = await import("../dev/dev-state.ts");
    const { resolveSettings, userFolders } = await import("../settings.ts");
    const { state: stateFolder } = userFolders(context.env);
    const present = readDevState(stateFolder);
    switch (actions.find((action) => action === args[0])) {
      case "up": {
        if (present !== undefined) {
          output.data(toDocument(present), () => `runs already\n${toText(present)}`);
          return 0;
        }
        const { spawnDev } = await import("../dev/spawn-dev.ts");
        output.progress.update({ id: "dev", label: "dev colony", state: "starting" });
        const started = await spawnDev(stateFolder, runFlags(options), context);
        output.progress.update({ id: "dev", label: "dev colony", state: "running", finished: true });
        output.data(toDocument(started), () => toText(started));
        return 0;
      }
      case "run": {
        const { runDev } = await import("../dev/run-dev.ts");
        await runDev({
          stateFolder,
          packagesRoot: resolveSettings(context, {}).packagesRoot,
          colonyos: options.colonyos === true,
          registryPort: options["registry-port"] ?? 0,
          colonyPort: options["colony-port"] ?? 0,
          slots: options.slots ?? 4,
          signal: context.signal,
          onReady: (state) => output.data(toDocument(state), () => toText(state)),
        });
        return 0;
      }
      case "status": {
        if (present === undefined) throw cliError("cli/no-dev", "no development colony runs");
        if (options.shell === true) output.raw(toShell(present));
        else output.data(toDocument(present), () => toText(present));
        return 0;
      }
      case "down": {
        const { stopDev } = await import("../dev/spawn-dev.ts");
        if (present !== undefined) await stopDev(present, context.clock);
        if (options.purge === true) rmSync(devFolder(stateFolder), { recursive: true, force: true });
        output.data({ stopped: present !== undefined, purged: options.purge === true }, () =>
          present === undefined ? "no development colony runs" : "stopped",
        );
        return 0;
      }
      case undefined:
        throw usageError(`there is no \`cpm dev ${args[0]}\``, `There is ${actions.join(", ")}.`);
    }
  },
});

function runFlags(options: {
  readonly colonyos: boolean | undefined;
  readonly slots: number | undefined;
  readonly "registry-port": number | undefined;
  readonly "colony-port": number | undefined;
}): string[] {
  const ports = (["slots", "registry-port", "colony-port"] as const).flatMap((name) =>
    options[name] === undefined ? [] : [`--${name}`, `${options[name]}`],
  );
  return options.colonyos === true ? ["--colonyos", ...ports] : ports;
}

/** Without the keys: they are in `--shell`, which is asked for on purpose. */
function toDocument(state: DevState): JsonObject {
  const { registry, server, colony, kind, packagesRoot, executor } = state;
  return { registry, server, colony, kind, packagesRoot, executor, pid: state.process.pid };
}

function toText(state: DevState): string {
  return [
    `registry  ${state.registry}`,
    `colony    ${state.colony} at ${state.server} (${state.kind === "colonyos" ? "ColonyOS" : "embedded"})`,
    `executor  ${state.executor}, of type local-executor`,
    `packages  ${state.packagesRoot}`,
  ].join("\n");
}

function toShell(state: DevState): string {
  const { hostname, port } = new URL(state.server);
  const variables = {
    COLONIES_SERVER_HOST: hostname,
    COLONIES_SERVER_PORT: port,
    COLONIES_TLS: "false",
    COLONIES_COLONY_NAME: state.colony,
    COLONIES_PRVKEY: state.userKey,
    COLONIES_COLONY_PRVKEY: state.ownerKey,
    CPM_REGISTRY: state.registry,
    CPM_PACKAGES: state.packagesRoot,
  };
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join("");
}
