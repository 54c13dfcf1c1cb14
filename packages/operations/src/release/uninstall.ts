import { isFinal } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import { whenPresent } from "../resources/resource-handler.ts";
import { describeFailures, findCreated, findLabelledWork, removeResources } from "./leftovers.ts";
import { settled } from "./next-revision.ts";
import type { ReleaseContext } from "./prepare-install.ts";
import { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, Revision } from "./release-record.ts";

export interface UninstallRequest {
  readonly release: string;
  /** Removes the records, and the processes with their logs and outputs, too. */
  readonly purge: boolean;
  /** See `InstallRequest.silenceMs`. */
  readonly silenceMs?: number;
}

export interface UninstallResult {
  readonly revision: number;
  readonly removed: readonly CreatedResource[];
  readonly notes: readonly string[];
}

/**
 * Takes a release out of the colony: what starts work first, then running work is cancelled, then records. Work of
 * every revision is ended, also what schedules started. The history stays unless `purge` is asked for. May be
 * repeated; finishes what a client that died has begun. Throws `release/not-found` and `release/busy`, and
 * `release/leftovers` when something could not be removed: the release then stays in the phase `uninstalling`.
 */
export async function uninstallRelease(
  request: UninstallRequest,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<UninstallResult> {
  const { clock, client, signal } = context;
  const book = new ReleaseBook(client, clock);
  const newest = await claim(await book.newest(request.release, signal), request, book, context);
  const history = await book.history(request.release, signal);
  const created = (await Promise.all(history.map((revision) => findCreated(revision, context)))).flat();
  const { record, status } = newest;
  if (status.phase !== "uninstalled") {
    await book.setStatus(record.release, record.revision, { ...status, phase: "uninstalling" }, signal);
    report({ id: "uninstall", label: record.release, state: "uninstalling" });
  }
  const recorded = await removeResources(unique(created), context);
  const stray = await removeResources(unique(await findStray(request.release, context)), context);
  const removal = { notes: recorded.notes, failures: [...recorded.failures, ...stray.failures] };
  if (removal.failures.length > 0) {
    throw operationError("release/leftovers", `not all of "${record.release}" could be removed`, {
      hint: `${describeFailures(removal)}. Run the command again.`,
    });
  }
  const notes = [...removal.notes];
  if (request.purge) notes.push(...(await purge(history, context, book)));
  else await book.setStatus(record.release, record.revision, { ...status, phase: "uninstalled", created: [] }, signal);
  report({ id: "uninstall", label: record.release, state: "uninstalled", finished: true });
  return { revision: record.revision, removed: unique(created), notes };
}

/** Another client that is installing must have died, or this one stays away. */
async function claim(
  newest: Revision,
  request: UninstallRequest,
  book: ReleaseBook,
  context: ReleaseContext,
): Promise<Revision> {
  if (newest.status.phase !== "pending-install") return newest;
  const dead = await settled(book, newest, context.clock, request.silenceMs, context.signal);
  return dead ?? book.newest(request.release, context.signal);
}

/** Work that carries the label and stands in no record, such as what a cron started. */
async function findStray(release: string, context: ReleaseContext): Promise<readonly CreatedResource[]> {
  const work = await findLabelledWork(release, context);
  const running = work.map(({ process }) => process).filter((process) => !isFinal(process.state));
  return running.map((process): CreatedResource =>
    process.workflowId === ""
      ? { kind: "Function", name: process.functionName, id: process.id }
      : { kind: "Workflow", name: process.workflowId, id: process.workflowId },
  );
}

async function purge(
  history: readonly Revision[],
  context: ReleaseContext,
  book: ReleaseBook,
): Promise<readonly string[]> {
  const { client, signal } = context;
  const [first] = history;
  if (first === undefined) return [];
  const { release } = first.record;
  const work = await findLabelledWork(release, context);
  const workflows = new Set(work.map(({ process }) => process.workflowId).filter((id) => id !== ""));
  for (const id of workflows) await whenPresent(() => client.workflows.remove(id, { signal }));
  for (const { process } of work) {
    if (process.workflowId === "") await whenPresent(() => client.processes.remove(process.id, { signal }));
  }
  for (const { record } of history) await whenPresent(() => book.remove(release, record.revision, signal));
  const left = await findLabelledWork(release, context);
  return left.length === 0 ? [] : ["the colony held more processes than one list shows: run the command again"];
}

function unique(created: readonly CreatedResource[]): readonly CreatedResource[] {
  return [...new Map(created.map((entry) => [`${entry.kind} ${entry.id}`, entry])).values()];
}
