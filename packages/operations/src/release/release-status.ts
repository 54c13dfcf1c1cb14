import type { ReleaseContext } from "./prepare-install.ts";
import type { HandlerContext, ResourceState } from "../resources/resource-handler.ts";
import { resourceHandlers } from "../resources/resource-handlers.ts";
import { findCreated } from "./leftovers.ts";
import { describeClient, ReleaseBook } from "./release-book.ts";
import type { RecordedResource, Revision } from "./release-record.ts";

/** How a release stands, and why. */
export interface ReleaseStatus {
  readonly revision: Revision;
  /** One sentence for people; says what to do where something is to be done. */
  readonly explanation: string;
  readonly resources: readonly ResourceStatus[];
}

export interface ResourceStatus extends RecordedResource {
  /** Absent when the resource was never created. */
  readonly id?: string;
  readonly state: ResourceState;
}

/** Looks at the newest revision of a release and at everything that it created. Throws `release/not-found`. */
export async function readReleaseStatus(release: string, context: ReleaseContext): Promise<ReleaseStatus> {
  const book = new ReleaseBook(context.client, context.clock);
  const revision = await book.newest(release, context.signal);
  const resources = await readResourceStates(revision, context);
  return { revision, resources, explanation: explain(revision, resources) };
}

async function readResourceStates(revision: Revision, context: HandlerContext): Promise<readonly ResourceStatus[]> {
  const created = await findCreated(revision, context);
  return Promise.all(
    revision.record.resources.map(async (resource): Promise<ResourceStatus> => {
      const entry = created.find((candidate) => candidate.kind === resource.kind && candidate.name === resource.name);
      if (entry === undefined)
        return { ...resource, state: { state: "missing", detail: "not created", processes: [] } };
      return { ...resource, id: entry.id, state: await resourceHandlers[resource.kind].state(entry, context) };
    }),
  );
}

function explain(revision: Revision, resources: readonly ResourceStatus[]): string {
  const { record, status } = revision;
  const { release } = record;
  switch (status.phase) {
    case "pending-install":
      return (
        `${describeClient(revision)} began to install it and last wrote at ${status.updatedAt}. ` +
        `If that client has died, \`cpm install\` finishes it and \`cpm uninstall ${release}\` removes it.`
      );
    case "uninstalling":
      return `Uninstalling began and has not ended; \`cpm uninstall ${release}\` finishes it.`;
    case "failed":
      return `It was not installed: ${status.message ?? "the reason was not recorded"}.`;
    case "uninstalled":
      return "It was uninstalled.";
    case "superseded":
      return "A newer revision took its place.";
    case "deployed":
      return explainDeployed(resources);
  }
}

function explainDeployed(resources: readonly ResourceStatus[]): string {
  const named = (state: string) => resources.filter((resource) => resource.state.state === state);
  const list = (found: readonly ResourceStatus[]) => found.map(({ kind, name }) => `${kind} ${name}`).join(", ");
  const [failed, cancelled, missing] = [named("failed"), named("cancelled"), named("missing")];
  if (failed.length > 0) return `Installed; work failed: ${list(failed)}.`;
  if (cancelled.length > 0) return `Installed; work was cancelled: ${list(cancelled)}.`;
  if (missing.length > 0) return `Installed; the colony has lost ${list(missing)}.`;
  const busy = [...named("waiting"), ...named("running")];
  if (busy.length > 0) return `Installed; under way: ${list(busy)}.`;
  return resources.some((resource) => resource.state.state === "success")
    ? "Installed; all its work succeeded."
    : "Installed.";
}
