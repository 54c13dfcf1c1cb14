import { toErrorRecord } from "@cpm/base";
import { processStates } from "@cpm/colonies";
import type { HandlerContext, LabelledWork } from "../resources/resource-handler.ts";
import { creationOrder, resourceHandlers } from "../resources/resource-handlers.ts";
import { readMarks } from "../resources/stamp.ts";
import type { CreatedResource, Revision } from "./release-record.ts";
import { releaseLabel } from "./release-record.ts";

/** The newest processes that carry the label of a release: at most 100 in each state, as the server gives them. */
export async function findLabelledWork(release: string, context: HandlerContext): Promise<readonly LabelledWork[]> {
  const { client, signal } = context;
  const label = releaseLabel(release);
  const lists = await Promise.all(processStates.map((state) => client.processes.list({ state, label }, { signal })));
  return lists.flat().flatMap((process) => {
    const marks = readMarks(process.spec);
    return marks === undefined ? [] : [{ ...marks, process }];
  });
}

/**
 * Everything of a revision that is in the colony: what its client wrote down, and what it created and could not write
 * down any more, found by the marks that it bears. `labelled` saves the look where several revisions are asked.
 */
export async function findCreated(
  revision: Revision,
  context: HandlerContext,
  labelled?: readonly LabelledWork[],
): Promise<readonly CreatedResource[]> {
  const { record, status } = revision;
  const unwritten = record.resources.filter(
    (resource) => !status.created.some((entry) => entry.kind === resource.kind && entry.name === resource.name),
  );
  if (unwritten.length === 0) return status.created;
  const work = labelled ?? (await findLabelledWork(record.release, context));
  const { release, revision: number } = record;
  const found: CreatedResource[] = [];
  for (const { kind, name, object } of unwritten) {
    const own = work.filter((entry) => entry.revision === number && entry.resource === `${kind}/${name}`);
    const created = await resourceHandlers[kind].find({ name, object, release, revision: number }, own, context);
    if (created !== undefined) found.push({ kind, ...created });
  }
  return [...status.created, ...found];
}

/** Tells resources of one colony apart. */
export function resourceKey({ kind, id }: CreatedResource): string {
  return `${kind} ${id}`;
}

export interface RemovalReport {
  /** What is left on purpose, for people. */
  readonly notes: readonly string[];
  /** What could not be removed, and why. */
  readonly failures: readonly { readonly resource: CreatedResource; readonly why: string }[];
}

/** `Cron nightly: the server does not answer; …`. */
export function describeFailures({ failures }: RemovalReport): string {
  return failures.map(({ resource, why }) => `${resource.kind} ${resource.name}: ${why}`).join("; ");
}

/** Removes resources, what starts more work first. One that cannot be removed does not keep the others. */
export async function removeResources(
  created: readonly CreatedResource[],
  context: HandlerContext,
): Promise<RemovalReport> {
  const notes: string[] = [];
  const failures: { resource: CreatedResource; why: string }[] = [];
  for (const kind of creationOrder.toReversed()) {
    for (const resource of created.filter((entry) => entry.kind === kind)) {
      try {
        const note = await resourceHandlers[kind].remove(resource, context);
        if (note !== undefined) notes.push(note);
      } catch (error) {
        context.signal?.throwIfAborted();
        failures.push({ resource, why: toErrorRecord(error).message });
      }
    }
  }
  return { notes, failures };
}
