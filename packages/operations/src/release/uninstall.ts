import { isFinal } from "@cpm/colonies";
import { failpoint } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import { releaseNodes } from "../placement/release-nodes.ts";
import { suppliedNodes } from "../placement/supplied-nodes.ts";
import { whenPresent } from "../resources/resource-handler.ts";
import { describeFailures, findCreated, findLabelledWork, removeResources, resourceKey } from "./leftovers.ts";
import type { RemovalReport } from "./leftovers.ts";
import { settled } from "./next-revision.ts";
import { assertNotNeeded } from "./needed-releases.ts";
import type { ReleaseContext } from "./prepare-install.ts";
import { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, Revision } from "./release-record.ts";
import { RevisionWriter } from "./revision-writer.ts";

export interface UninstallRequest {
  readonly release: string;
  /** Removes the records, and the processes with their logs and outputs, too. */
  readonly purge: boolean;
  /** Goes on although another release needs what this one has. */
  readonly skipRequirements?: boolean;
  /** See `InstallRequest.silenceMs`. */
  readonly silenceMs?: number;
  /** How long a node may take to let packages go before it counts as away, in milliseconds. Default 30 s. */
  readonly nodeTimeoutMs?: number;
}

export interface UninstallResult {
  readonly revision: number;
  readonly removed: readonly CreatedResource[];
  readonly notes: readonly string[];
}

/**
 * Takes a release out of the colony: what starts work first, then running work is cancelled, then records. Work of
 * every revision is ended, also what schedules started; then the nodes that hold its packages let them go. The history stays unless `purge` is asked for. May be
 * repeated; finishes what a client that died has begun. Throws `release/not-found` and `release/busy`, and
 * `release/needed` when another release requires what this one has, and
 * `release/leftovers` when something could not be removed: the release then stays in the phase `uninstalling`.
 */
export async function uninstallRelease(
  request: UninstallRequest,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<UninstallResult> {
  const { clock, client, signal } = context;
  const book = new ReleaseBook(client, clock);
  if (request.skipRequirements !== true) await assertNotNeeded(request.release, (await book.read(signal)).revisions);
  const newest = await claim(await book.newest(request.release, signal), request, book, context);
  const history = await book.history(request.release, signal);
  const removal =
    newest.status.phase === "uninstalled"
      ? await removeAndRelease(history, context, report, request.nodeTimeoutMs)
      : await removeWhileBeating(newest, history, book, request, context, report);
  const notes = [...removal.notes];
  if (request.purge) notes.push(...(await purge(history, context, book)));
  report({ id: "uninstall", label: request.release, state: "uninstalled", finished: true });
  return { revision: newest.record.revision, removed: removal.removed, notes };
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

interface Removed {
  readonly removed: readonly CreatedResource[];
  readonly notes: readonly string[];
}

/** The phase comes first: a client that wakes up meanwhile sees it and submits nothing more. */
async function removeWhileBeating(
  newest: Revision,
  history: readonly Revision[],
  book: ReleaseBook,
  { nodeTimeoutMs }: UninstallRequest,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<Removed> {
  const writer = new RevisionWriter(book, newest.record, newest.status);
  try {
    await writer.update({ phase: "uninstalling" });
    failpoint("uninstall/begun");
    report({ id: "uninstall", label: newest.record.release, state: "uninstalling" });
    const removal = await removeAndRelease(history, context, report, nodeTimeoutMs);
    failpoint("uninstall/removed");
    for (const { record, status } of history) {
      if (record.revision >= newest.record.revision || !unfinished.has(status.phase)) continue;
      const ended = { ...status, phase: "uninstalled" as const, created: [] };
      await whenPresent(() => book.setStatus(record.release, record.revision, ended));
    }
    // Another client may have purged the release meanwhile.
    await whenPresent(() => writer.update({ phase: "uninstalled", created: [] }));
    return removal;
  } finally {
    await writer.close();
  }
}

const unfinished: ReadonlySet<string> = new Set(["pending-install", "deployed", "uninstalling"]);

/** What the release started goes first, then nodes may have their space back. A node that is away does not keep it. */
async function removeAndRelease(
  history: readonly Revision[],
  context: ReleaseContext,
  report: ReportProgress,
  timeoutMs: number | undefined,
): Promise<Removed> {
  const [first] = history;
  if (first === undefined) return { removed: [], notes: [] };
  const { release } = first.record;
  const nodes = await suppliedNodes(release, history, context);
  const { removed, notes } = await removeAll(history, context);
  const left = await releaseNodes(release, nodes, context, report, timeoutMs);
  return { removed, notes: [...notes, ...left] };
}

/** Only of the revisions that were there: whoever installs anew meanwhile keeps what is new. */
async function removeAll(history: readonly Revision[], context: ReleaseContext): Promise<Removed> {
  const [first] = history;
  if (first === undefined) return { removed: [], notes: [] };
  const { release } = first.record;
  const work = await findLabelledWork(release, context);
  const created: CreatedResource[] = [];
  for (const revision of history) created.push(...(await findCreated(revision, context, work)));
  const wanted = unique(created);
  const recorded = await removeResources(wanted, context);
  const failures = [...recorded.failures];
  // A schedule may have started work until it was removed, and one list shows a part of it only.
  for (let round = 0; round < maxRounds && failures.length === 0; round++) {
    const stray = unique(await findStray(release, history, context));
    if (stray.length === 0) return { removed: wanted, notes: recorded.notes };
    failures.push(...(await removeResources(stray, context)).failures);
  }
  throw leftovers(release, { notes: [], failures });
}

/** Of a hundred processes and more each. */
const maxRounds = 1000;

function leftovers(release: string, removal: RemovalReport): Error {
  return operationError("release/leftovers", `not all of "${release}" could be removed`, {
    hint: `${describeFailures(removal)}. Run the command again.`,
  });
}

/** Work that carries the label and stands in no record, such as what a cron started. */
async function findStray(
  release: string,
  history: readonly Revision[],
  context: ReleaseContext,
): Promise<readonly CreatedResource[]> {
  const newest = Math.max(...history.map(({ record }) => record.revision));
  const work = (await findLabelledWork(release, context)).filter((entry) => entry.revision <= newest);
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
  const revisions = new Set(history.map(({ record }) => record.revision));
  const ownWork = async () =>
    (await findLabelledWork(release, context)).filter(({ revision }) => revisions.has(revision));
  let work = await ownWork();
  for (let round = 0; round < maxRounds && work.length > 0; round++) {
    const workflows = new Set(work.map(({ process }) => process.workflowId).filter((id) => id !== ""));
    for (const id of workflows) await whenPresent(() => client.workflows.remove(id, { signal }));
    for (const { process } of work) {
      if (process.workflowId === "") await whenPresent(() => client.processes.remove(process.id, { signal }));
    }
    work = await ownWork();
  }
  if (work.length > 0) return ["there is still work of the release in the colony: run the command again"];
  // The records go last: while there is work, the release can still be named.
  for (const { record } of history) await whenPresent(() => book.remove(release, record.revision, signal));
  return [];
}

function unique(created: readonly CreatedResource[]): readonly CreatedResource[] {
  return [...new Map(created.map((entry) => [resourceKey(entry), entry])).values()];
}
