import { isCpmError } from "@cpm/base";
import type { ColoniesClient, Identity } from "@cpm/colonies";
import { localExecutorType } from "./local-executor.ts";

export interface RegisteredExecutor {
  readonly name: string;
  readonly identity: Identity;
}

const maxNames = 1000;

/**
 * Adds an executor to a colony and approves it, with the colony owner's client. One that is there with the same key is
 * approved again, which revives it; a name that belongs to another key cannot be had again, so the next one is taken:
 * `local`, `local-2`, `local-3` …
 */
export async function registerLocalExecutor(
  owner: ColoniesClient,
  wantedName: string,
  identity: Identity,
): Promise<RegisteredExecutor> {
  const architecture = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;
  const hardware = [{ platform: process.platform, architecture, nodes: 1 }];
  for (let number = 1; number <= maxNames; number++) {
    const name = number === 1 ? wantedName : `${wantedName}-${number}`;
    try {
      await owner.executors.add({
        id: identity.id,
        name,
        type: localExecutorType,
        capabilities: { hardware, software: [] },
      });
    } catch (error) {
      if (!isCpmError(error, "colonies/exists")) throw error;
      if (!(await isOwn(owner, name, identity))) continue;
    }
    await owner.executors.approve(name);
    return { name, identity };
  }
  throw new TypeError(`${maxNames} executors are called ${wantedName}`);
}

/** Whether the name belongs to this key; a key that is no executor's may not even ask. */
async function isOwn(owner: ColoniesClient, name: string, identity: Identity): Promise<boolean> {
  try {
    const executors = await owner.as(identity).executors.list();
    return executors.some((executor) => executor.name === name && executor.id === identity.id);
  } catch (error) {
    if (isCpmError(error, "colonies/denied")) return false;
    throw error;
  }
}
