import type { JsonObject } from "@cpm/base";
import { isCpmError, isJsonObject } from "@cpm/base";
import { failpoint } from "@cpm/store";
import { revealJson } from "@cpm/template";
import { placeRelease } from "../placement/place-release.ts";
import { withdrawPlacement } from "../placement/withdraw-placement.ts";
import type { ReportProgress } from "../progress.ts";
import type { HandlerContext } from "../resources/resource-handler.ts";
import { resourceHandlers } from "../resources/resource-handlers.ts";
import { stampObject } from "../resources/stamp.ts";
import type { InstallPlan, PlannedResource } from "./install-plan.ts";
import { assertOurs } from "./ownership.ts";
import type { PreparedInstall, ReleaseContext } from "./prepare-install.ts";
import { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, RecordedPlacement, RevisionRecord } from "./release-record.ts";
import { RevisionWriter } from "./revision-writer.ts";
import { takeOver } from "./take-over.ts";
import { undoInstall } from "./undo-install.ts";

export interface InstalledRelease {
  readonly release: string;
  readonly revision: number;
  readonly created: readonly CreatedResource[];
  /** What is worth telling although nothing failed. */
  readonly notes: readonly string[];
}

export interface InstallLimits {
  /** How long a node may take for its packages, in milliseconds. Default 10 minutes. */
  readonly placementTimeoutMs?: number | undefined;
}

/**
 * Carries out exactly a plan: the files go to this node or to others, the revision is created (which of several clients only one
 * can), its resources follow in order, each written down, and the revision is deployed. When a step fails, what was
 * created is removed again, the revision is marked as failed and the error says what is left, if anything is. A
 * client that dies at any step leaves a revision that the next `install` or `uninstall` finds and finishes.
 *
 * A client that was silent for so long that another took the release over submits nothing more: it asks before each
 * submission and again after it, and removes what it submitted in between (`release/taken-over`). Only one that dies
 * between such a submission and the second question leaves one piece of work that no revision lists; it bears the
 * release's label, so `uninstall` ends it.
 */
export async function executeInstall(
  prepared: PreparedInstall,
  context: ReleaseContext,
  report: ReportProgress,
  limits: InstallLimits = {},
): Promise<InstalledRelease> {
  const placed = await placeRelease(prepared, context, report, limits.placementTimeoutMs);
  failpoint("install/placed");
  try {
    const installed = await installPlaced(prepared, placed.held, context, report);
    return { ...installed, notes: [...placed.notes, ...installed.notes] };
  } catch (error) {
    throw await withdrawPlacement(error, prepared.plan.release, placed.held?.nodes ?? [], context, report);
  }
}

async function installPlaced(
  prepared: PreparedInstall,
  held: RecordedPlacement | undefined,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<InstalledRelease> {
  const { plan } = prepared;
  const { signal } = context;
  const book = new ReleaseBook(context.client, context.clock);
  const record = createRecord(plan, held, context);
  const begun = { phase: "pending-install" as const, beat: 0, created: [] };
  signal?.throwIfAborted();
  await beginRevision(book, record);
  failpoint("install/revision-created");
  const writer = new RevisionWriter(book, record, begun, () => assertOurs(book, record));
  try {
    const notes = await createResources(prepared, record, writer, book, context, report);
    await writer.update({ phase: "deployed" });
    failpoint("install/deployed");
    return { release: plan.release, revision: plan.revision, created: writer.created, notes };
  } catch (error) {
    throw await undoInstall(error, record, writer, book, context);
  } finally {
    await writer.close();
  }
}

/** A revision whose creation was not answered may be there all the same, and is then ours to go on with. */
async function beginRevision(book: ReleaseBook, record: RevisionRecord): Promise<void> {
  const status = { phase: "pending-install" as const, beat: 0, created: [], updatedAt: record.client.startedAt };
  try {
    await book.create(record, status);
  } catch (error) {
    if (!["colonies/timeout", "colonies/unreachable"].some((code) => isCpmError(error, code))) throw error;
    const present = await book.get(record.release, record.revision).catch(() => undefined);
    if (present?.record.client.id !== record.client.id) throw error;
  }
}

function createRecord(plan: InstallPlan, held: RecordedPlacement | undefined, context: ReleaseContext): RevisionRecord {
  const { release, revision, recovers } = plan;
  return {
    release,
    revision,
    packages: plan.packages.map(({ name, version, digest, registry, instance, inputs, requires }) => ({
      name,
      version,
      digest,
      inputs,
      ...(registry === undefined ? {} : { registry }),
      ...(instance === undefined ? {} : { instance }),
      ...(requires === undefined ? {} : { requires }),
    })),
    ...(held === undefined ? {} : { placement: held }),
    resources: plan.resources.map(({ spec: _spec, secret: _secret, ...resource }) => resource),
    client: {
      id: crypto.randomUUID(),
      user: context.client.identity?.id.slice(0, 12) ?? "",
      host: context.hostName,
      startedAt: new Date(context.clock.now()).toISOString(),
    },
    ...(recovers === undefined ? {} : { recovers }),
  };
}

/** Submissions are not cut off by an interrupt: it counts between two of them, when it is known what was created. */
async function createResources(
  prepared: PreparedInstall,
  record: RevisionRecord,
  writer: RevisionWriter,
  book: ReleaseBook,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<readonly string[]> {
  const { plan } = prepared;
  const calm: HandlerContext = { client: context.client, owner: context.owner };
  const taken = await takeOver(plan, writer, book, calm);
  for (const [index, planned] of plan.resources.entries()) {
    const { kind, name } = planned;
    const item = { id: `${kind}/${name}`, label: `${kind} ${name}` };
    if (taken.adopted.some((entry) => entry.kind === kind && entry.name === name)) {
      report({ ...item, state: "taken over", finished: true });
      continue;
    }
    context.signal?.throwIfAborted();
    report({ ...item, state: "submitting" });
    await assertOurs(book, record);
    failpoint("install/submitting");
    const created = await resourceHandlers[kind].create(
      {
        name,
        object: planned.object,
        spec: stampedObject(prepared, index, planned),
        labels: { app: "cpm", release: plan.release, revision: String(plan.revision), package: planned.package },
        createdAt: new Date(context.clock.now()).toISOString(),
      },
      calm,
    );
    failpoint("install/resource-created");
    await writer.add({ kind, ...created });
    failpoint("install/resource-recorded");
    report({ ...item, state: "submitted", finished: true });
  }
  context.signal?.throwIfAborted();
  return taken.notes;
}

/** The only place where secrets are put in clear. */
function stampedObject(prepared: PreparedInstall, index: number, planned: PlannedResource): JsonObject {
  const { plan, resources } = prepared;
  const rendered = resources[index];
  const object = rendered === undefined ? undefined : revealJson(rendered.resource.spec);
  if (!isJsonObject(object)) throw new TypeError("every planned resource was rendered");
  const owner = plan.packages.find((entry) => entry.name === planned.package);
  return stampObject(object, {
    release: plan.release,
    revision: plan.revision,
    package: `${planned.package}@${owner?.version ?? ""}`,
    resource: `${planned.kind}/${planned.name}`,
  });
}
