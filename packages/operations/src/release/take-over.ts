import { failpoint } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { HandlerContext } from "../resources/resource-handler.ts";
import { whenPresent } from "../resources/resource-handler.ts";
import { resourceHandlers } from "../resources/resource-handlers.ts";
import type { InstallPlan } from "./install-plan.ts";
import { describeFailures, findCreated, findLabelledWork, removeResources, resourceKey } from "./leftovers.ts";
import type { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, ReleasePhase, Revision } from "./release-record.ts";
import type { RevisionWriter } from "./revision-writer.ts";

export interface TakenOver {
  readonly adopted: readonly CreatedResource[];
  /** What is worth telling although nothing failed. */
  readonly notes: readonly string[];
}

/**
 * Settles what earlier revisions left: keeps what this one wants just so and is alive, and removes the rest. What is
 * kept is written down here before the earlier revisions let go of it, so that a client that dies in between leaves
 * nothing that no revision knows. Throws `release/leftovers` when something cannot be removed.
 */
export async function takeOver(
  plan: InstallPlan,
  writer: RevisionWriter,
  book: ReleaseBook,
  context: HandlerContext,
): Promise<TakenOver> {
  if (plan.recovers === undefined) return { adopted: [], notes: [] };
  const history = await book.history(plan.release, context.signal);
  const earlier = history.filter(
    ({ record, status }) => record.revision < plan.revision && status.phase !== "uninstalled",
  );
  const { adopted, rest } = await sortOut(earlier.toReversed(), plan, context);
  const removal = await removeResources(rest, context);
  if (removal.failures.length > 0) {
    throw operationError("release/leftovers", `what earlier revisions of "${plan.release}" left cannot be removed`, {
      hint: describeFailures(removal),
    });
  }
  await writer.update({ created: adopted, tookOver: true });
  failpoint("install/taken-over");
  for (const revision of earlier) await letGo(revision, plan, book);
  return { adopted, notes: removal.notes };
}

/** The newest revision is asked first: what it had taken over itself stands in its record. */
async function sortOut(
  earlier: readonly Revision[],
  plan: InstallPlan,
  context: HandlerContext,
): Promise<{ adopted: CreatedResource[]; rest: CreatedResource[] }> {
  const work = await findLabelledWork(plan.release, context);
  const seen = new Set<string>();
  const adopted: CreatedResource[] = [];
  const rest: CreatedResource[] = [];
  for (const revision of earlier) {
    for (const entry of await findCreated(revision, context, work)) {
      if (seen.has(resourceKey(entry))) continue;
      seen.add(resourceKey(entry));
      const held = adopted.some(({ kind, name }) => kind === entry.kind && name === entry.name);
      const keep = !held && isWanted(entry, revision, plan) && (await isAlive(entry, context));
      (keep ? adopted : rest).push(entry);
    }
  }
  return { adopted, rest };
}

/** A failed attempt was undone and an uninstall was wanted: nothing of them is kept, not even work that had ended. */
const keeping: readonly ReleasePhase[] = ["pending-install", "deployed", "superseded"];

function isWanted(entry: CreatedResource, { record, status }: Revision, plan: InstallPlan): boolean {
  const same = (other: { kind: string; name: string }) => other.kind === entry.kind && other.name === entry.name;
  const before = record.resources.find(same);
  const now = plan.resources.find(same);
  if (before === undefined || now === undefined || !keeping.includes(status.phase)) return false;
  return before.digest === now.digest && !now.secret;
}

async function isAlive(entry: CreatedResource, context: HandlerContext): Promise<boolean> {
  const { state } = await resourceHandlers[entry.kind].state(entry, context);
  return state !== "missing" && state !== "cancelled" && state !== "failed";
}

const phaseAfter: Readonly<Partial<Record<ReleasePhase, ReleasePhase>>> = {
  "pending-install": "failed",
  deployed: "superseded",
  uninstalling: "uninstalled",
};

async function letGo({ record, status }: Revision, plan: InstallPlan, book: ReleaseBook): Promise<void> {
  const phase = phaseAfter[status.phase] ?? status.phase;
  if (phase === status.phase && status.created.length === 0) return;
  const abandoned = `abandoned by its client; revision ${plan.revision} took over`;
  const message = phase === "failed" ? (status.message ?? abandoned) : status.message;
  const told = message === undefined ? {} : { message };
  const after = { ...status, ...told, phase, created: [] };
  await whenPresent(() => book.setStatus(record.release, record.revision, after));
}
