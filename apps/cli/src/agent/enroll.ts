import type { Executor } from "@cpm/colonies";
import { agentExecutorType } from "@cpm/operations/placement";
import type { CliContext } from "../context.ts";
import { missingSetting, nameTaken, usageError } from "../errors.ts";
import type { Output } from "../output/output.ts";
import type { Session } from "../session.ts";

/** Adds an agent to the colony and approves it; what is so already stays. The owner's key is used for these calls only. */
export async function enrollAgent(
  session: Session,
  [id = ""]: readonly string[],
  options: { readonly name: string | undefined },
  { context, output }: { readonly context: CliContext; readonly output: Output },
): Promise<number> {
  if (!/^[0-9a-f]{64}$/.test(id)) {
    throw usageError(`"${id}" is not the id of an agent`, "`cpm-agent id --key FILE` on its node prints the id.");
  }
  const owner = session.owner();
  if (owner === undefined) throw missingSetting("the colony owner's key", "COLONIES_COLONY_PRVKEY");
  const { signal } = context;
  // The owner is no member, and may not list.
  const executors = await session.colony().executors.list({ signal });
  const name = options.name ?? `${agentExecutorType}-${id.slice(0, 12)}`;
  const known = findEnrolled(executors, id, name, options.name !== undefined);
  if (known === undefined) await owner.executors.add({ id, name, type: agentExecutorType }, { signal });
  const changed = known?.state !== "approved";
  const enrolled = known?.name ?? name;
  if (changed) await owner.executors.approve(enrolled, { signal });
  output.data({ colony: owner.colonyName, id, name: enrolled, changed }, () =>
    changed ? `enrolled ${enrolled} in ${owner.colonyName}` : `${enrolled} is enrolled in ${owner.colonyName} already`,
  );
  return 0;
}

/** To approve by name what has another id or type would let in whom nobody named. */
function findEnrolled(executors: readonly Executor[], id: string, name: string, named: boolean): Executor | undefined {
  const own = executors.find((executor) => executor.id === id);
  if (own !== undefined) {
    if (own.type !== agentExecutorType) throw nameTaken(`${id} is enrolled as "${own.name}", a ${own.type}`);
    if (named && own.name !== name) throw nameTaken(`${id} is enrolled as "${own.name}"`);
    return own;
  }
  if (executors.some((executor) => executor.name === name)) throw nameTaken(`another executor is named "${name}"`);
  return undefined;
}
