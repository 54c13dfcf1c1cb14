import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { ColoniesClient } from "@cpm/colonies";
import type { Identity } from "@cpm/colonies";
import { startDevColony } from "@cpm/dev-colony";
import { registerLocalExecutor, startLocalExecutor } from "@cpm/dev-colony/local-executor";
import { startRealColony } from "@cpm/dev-colony/real-colony";
import { initColony } from "@cpm/operations";
import { serveRegistry } from "@cpm/registry";
import { currentProcess, openNodeStore, tryLock } from "@cpm/store";
import { cliError } from "../errors.ts";
import type { DevKeys } from "./dev-keys.ts";
import { openDevKeys } from "./dev-keys.ts";
import type { DevState } from "./dev-state.ts";
import { devFolder, removeDevState, writeDevState } from "./dev-state.ts";
import { ownCommand, superviseWord } from "./own-command.ts";

export interface RunDevOptions {
  readonly stateFolder: string;
  readonly packagesRoot: string;
  /** The real ColonyOS server in place of the embedded one. Its state ends with it. */
  readonly colonyos: boolean;
  /** 0 for any that is free. */
  readonly registryPort: number;
  readonly colonyPort: number;
  readonly slots: number;
  readonly signal: AbortSignal;
  /** Called when everything runs and can be found by other commands. */
  readonly onReady: (state: DevState) => void;
}

const colonyName = "dev";
const executorName = "local";

interface Colony {
  readonly endpoint: string;
  readonly owner: Identity;
  readonly user: Identity;
  stop(): Promise<void>;
}

/**
 * Runs a registry, a colony and an executor of the packages of this machine until the signal says stop, and takes them
 * down again. One at a time for each user: throws `cli/dev-failed` when another one runs.
 */
export async function runDev(options: RunDevOptions): Promise<void> {
  const folder = devFolder(options.stateFolder);
  const keys = openDevKeys(folder);
  const lock = tryLock(join(folder, "lock"));
  if (lock === undefined) throw cliError("cli/dev-failed", "another `cpm dev` runs already");
  const cleanups: (() => unknown)[] = [() => lock.release()];
  try {
    const registry = await serveRegistry({
      dataDirectory: join(folder, "registry"),
      access: "open",
      hostname: "127.0.0.1",
      port: options.registryPort,
    });
    cleanups.push(() => registry.stop());
    const colony = await (options.colonyos ? startReal(options) : startEmbedded(options, keys));
    cleanups.push(() => colony.stop());
    const client = new ColoniesClient({ endpoint: colony.endpoint, colonyName, identity: colony.user });
    const owner = client.as(colony.owner);
    await initColony(owner);
    openNodeStore(options.packagesRoot);
    const executor = await registerLocalExecutor(owner, executorName, keys.executor);
    const executing = startLocalExecutor({
      client: client.as(executor.identity),
      executorName: executor.name,
      packagesRoot: options.packagesRoot,
      slots: options.slots,
      signal: options.signal,
    });
    cleanups.push(() => executing);
    const state: DevState = {
      process: currentProcess(),
      registry: registry.host,
      server: colony.endpoint,
      colony: colonyName,
      userKey: colony.user.exportPrivateKey(),
      ownerKey: colony.owner.exportPrivateKey(),
      kind: options.colonyos ? "colonyos" : "embedded",
      packagesRoot: options.packagesRoot,
      executor: executor.name,
    };
    writeDevState(options.stateFolder, state);
    cleanups.push(() => removeDevState(options.stateFolder));
    options.onReady(state);
    await aborted(options.signal);
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  }
}

async function startEmbedded(options: RunDevOptions, keys: DevKeys): Promise<Colony> {
  const folder = devFolder(options.stateFolder);
  const server = startDevColony({
    serverId: keys.serverOwner.id,
    port: options.colonyPort,
    journalPath: join(folder, "colony.db"),
  });
  const { endpoint } = server;
  const client = new ColoniesClient({ endpoint, colonyName, identity: keys.serverOwner });
  await unlessThere(() => client.server.addColony({ id: keys.colonyOwner.id, name: colonyName }));
  await unlessThere(() => client.as(keys.colonyOwner).colony.addUser({ id: keys.user.id, name: "me" }));
  return { endpoint, owner: keys.colonyOwner, user: keys.user, stop: () => server.stop() };
}

async function startReal(options: RunDevOptions): Promise<Colony> {
  const colony = await startRealColony({
    colonyName,
    port: options.colonyPort,
    supervisorCommand: [...ownCommand(), superviseWord],
  });
  return { endpoint: colony.endpoint, owner: colony.colonyOwner, user: colony.user, stop: () => colony.stop() };
}

async function unlessThere(add: () => Promise<unknown>): Promise<void> {
  try {
    await add();
  } catch (error) {
    if (!isCpmError(error, "colonies/exists")) throw error;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
