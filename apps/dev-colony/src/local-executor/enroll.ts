import { isCpmError } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import type { ColoniesClient, Executor } from "@cpm/colonies";
import { executorError } from "./errors.ts";
import { localExecutorType } from "./local-executor.ts";

export interface EnrollOptions {
  /** With the colony owner's identity. */
  readonly owner: ColoniesClient;
  /** The wished name; taken ones get a number: `name-2`, `name-3`, … */
  readonly executorName: string;
  /** A key that was stored at an earlier enrolment. Default: a new one. */
  readonly identity?: Identity;
}

export interface EnrolledExecutor {
  readonly identity: Identity;
  readonly executorName: string;
}

const maxNames = 1000;

/**
 * Adds the executor to the colony and approves it. A name can never be added twice where the server forbids it, not
 * even after a removal, so a key that the colony knows already keeps the name that it has; a name that belongs to
 * another key is left alone. Throws `executor/name-taken` or `executor/foreign-key`.
 */
export async function enrollLocalExecutor(options: EnrollOptions): Promise<EnrolledExecutor> {
  const { owner } = options;
  const identity = options.identity ?? Identity.generate();
  const known = options.identity === undefined ? undefined : await findEnrolled(owner.as(identity), identity);
  const executorName = known?.name ?? (await addUnderFreeName(owner, options.executorName, identity));
  await owner.executors.approve(executorName);
  return { identity, executorName };
}

async function addUnderFreeName(owner: ColoniesClient, wished: string, identity: Identity): Promise<string> {
  for (let number = 1; number <= maxNames; number++) {
    const name = number === 1 ? wished : `${wished}-${number}`;
    try {
      await owner.executors.add({ id: identity.id, name, type: localExecutorType });
      return name;
    } catch (error) {
      if (!isCpmError(error, "colonies/exists")) throw error;
    }
  }
  throw executorError("executor/name-taken", `${wished} and ${maxNames - 1} numbered names after it are taken`);
}

/** An executor that is not approved, or was removed, may still list: that tells whether the colony knows the key. */
async function findEnrolled(self: ColoniesClient, identity: Identity): Promise<Executor | undefined> {
  let executors: Executor[];
  try {
    executors = await self.executors.list();
  } catch (error) {
    if (isCpmError(error, "colonies/denied")) return undefined;
    throw error;
  }
  const known = executors.find((executor) => executor.id === identity.id);
  if (known?.type !== localExecutorType)
    throw executorError("executor/foreign-key", `the key ${identity.id} is that of a user or of another executor`);
  return known;
}
