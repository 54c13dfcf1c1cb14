import { isCpmError } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import type { ColoniesClient, Executor } from "@cpm/colonies";
import { executorError } from "./errors.ts";
import { localExecutorType } from "./local-executor.ts";

export interface RegisteredExecutor {
  readonly name: string;
  readonly identity: Identity;
}

const maxNames = 1000;
/** Go's names for architectures, which packages and executors use. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/**
 * Adds an executor to a colony and approves it, with the colony owner's client. A name can never be had again where
 * the server forbids it, not even after a removal: a key that the colony knows already keeps the name that it has,
 * and is approved again, which revives it; a name that belongs to another key is left alone, and the next one taken:
 * `local`, `local-2`, `local-3` … Throws `executor/name-taken`, or `executor/foreign-key` for the key of a user.
 */
export async function registerLocalExecutor(
  owner: ColoniesClient,
  wantedName: string,
  identity: Identity = Identity.generate(),
): Promise<RegisteredExecutor> {
  const known = await findRegistered(owner.as(identity), identity);
  const name = known?.name ?? (await addUnderFreeName(owner, wantedName, identity));
  await owner.executors.approve(name);
  return { name, identity };
}

async function addUnderFreeName(owner: ColoniesClient, wantedName: string, identity: Identity): Promise<string> {
  const architecture = architectures[process.arch] ?? process.arch;
  const hardware = [{ platform: process.platform, architecture, nodes: 1 }];
  for (let number = 1; number <= maxNames; number++) {
    const name = number === 1 ? wantedName : `${wantedName}-${number}`;
    try {
      const capabilities = { hardware, software: [] };
      await owner.executors.add({ id: identity.id, name, type: localExecutorType, capabilities });
      return name;
    } catch (error) {
      if (!isCpmError(error, "colonies/exists")) throw error;
    }
  }
  throw executorError("executor/name-taken", `${wantedName} and ${maxNames - 1} numbered names after it are taken`);
}

/** An executor that is not approved, or was removed, may still list; a key that is nobody's may not. */
async function findRegistered(self: ColoniesClient, identity: Identity): Promise<Executor | undefined> {
  let executors: Executor[];
  try {
    executors = await self.executors.list();
  } catch (error) {
    if (isCpmError(error, "colonies/denied")) return undefined;
    throw error;
  }
  const known = executors.find((executor) => executor.id === identity.id);
  if (known?.type === localExecutorType) return known;
  throw executorError("executor/foreign-key", `the key ${identity.id} is that of a user or of another executor`);
}
