import type { JsonObject } from "@cpm/base";
import { CpmError, isJsonObject, toErrorRecord } from "@cpm/base";
import { failpoint } from "@cpm/store";
import { revealJson } from "@cpm/template";
import { operationError } from "../errors.ts";
import { placePackage } from "../node/place-package.ts";
import type { ReportProgress } from "../progress.ts";
import type { HandlerContext } from "../resources/resource-handler.ts";
import { resourceHandlers } from "../resources/resource-handlers.ts";
import { stampObject } from "../resources/stamp.ts";
import type { InstallPlan, PlannedResource } from "./install-plan.ts";
import { describeFailures, findCreated, removeResources } from "./leftovers.ts";
import type { PreparedInstall, ReleaseContext } from "./prepare-install.ts";
import { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, Revision, RevisionRecord } from "./release-record.ts";
import { RevisionWriter } from "./revision-writer.ts";

export interface InstalledRelease {
  readonly release: string;
  readonly revision: number;
  readonly created: readonly CreatedResource[];
  /** What is worth telling although nothing failed. */
  readonly notes: readonly string[];
}

/**
 * Carries out exactly a plan: the files go to this node, the revision is created (which of several clients only one
 * can), its resources follow in order, each written down, and the revision is deployed. When a step fails, what was
 * created is removed again, the revision is marked as failed and the error says what is left, if anything is. A
 * client that dies at any step leaves a revision that the next `install` or `uninstall` finds and finishes.
 */
export async function executeInstall(
  prepared: PreparedInstall,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<InstalledRelease> {
  const { plan, packages } = prepared;
  const { signal } = context;
  for (const { variant } of packages) await placePackage(variant, context.node, report, signal);
  failpoint("install/placed");
  const book = new ReleaseBook(context.client, context.clock);
  const record = createRecord(plan, context);
  const begun = { phase: "pending-install" as const, beat: 0, created: [] };
  await book.create(record, { ...begun, updatedAt: record.client.startedAt }, signal);
  failpoint("install/revision-created");
  const writer = new RevisionWriter(book, plan.release, plan.revision, begun);
  try {
    const notes = await createResources(prepared, writer, book, context, report);
    await writer.update({ phase: "deployed" });
    failpoint("install/deployed");
    await supersedeOlder(book, plan, context);
    return { release: plan.release, revision: plan.revision, created: writer.created, notes };
  } catch (error) {
    throw await undo(error, plan, writer, book, context);
  } finally {
    await writer.close();
  }
}

function createRecord(plan: InstallPlan, context: ReleaseContext): RevisionRecord {
  const { release, revision, recovers } = plan;
  return {
    release,
    revision,
    packages: plan.packages.map(({ name, version, digest, registry, inputs }) => ({
      name,
      version,
      digest,
      inputs,
      ...(registry === undefined ? {} : { registry }),
    })),
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

async function createResources(
  prepared: PreparedInstall,
  writer: RevisionWriter,
  book: ReleaseBook,
  context: ReleaseContext,
  report: ReportProgress,
): Promise<readonly string[]> {
  const { plan } = prepared;
  const taken = await takeOver(plan, book, context);
  for (const [index, planned] of plan.resources.entries()) {
    const { kind, name } = planned;
    const item = { id: `${kind}/${name}`, label: `${kind} ${name}` };
    const adopted = taken.adopted.find((entry) => entry.kind === kind && entry.name === name);
    if (adopted !== undefined) {
      await writer.add(adopted);
      report({ ...item, state: "taken over", finished: true });
      continue;
    }
    report({ ...item, state: "submitting" });
    const object = stampedObject(prepared, index, planned);
    const created = await resourceHandlers[kind].create(
      {
        name,
        object: planned.object,
        spec: object,
        labels: { app: "cpm", release: plan.release, revision: String(plan.revision), package: planned.package },
        createdAt: new Date(context.clock.now()).toISOString(),
      },
      context,
    );
    failpoint("install/resource-created");
    await writer.add({ kind, ...created });
    failpoint("install/resource-recorded");
    report({ ...item, state: "submitted", finished: true });
  }
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

interface TakenOver {
  readonly adopted: readonly CreatedResource[];
  readonly notes: readonly string[];
}

/** Keeps what an abandoned revision created and this one wants just so; removes the rest of it. */
async function takeOver(plan: InstallPlan, book: ReleaseBook, context: ReleaseContext): Promise<TakenOver> {
  if (plan.recovers === undefined) return { adopted: [], notes: [] };
  const abandoned = await book.get(plan.release, plan.recovers, context.signal);
  if (abandoned === undefined) return { adopted: [], notes: [] };
  const adopted: CreatedResource[] = [];
  const rest: CreatedResource[] = [];
  for (const entry of await findCreated(abandoned, context)) {
    const keep = isWanted(entry, abandoned, plan) && (await isAlive(entry, context));
    (keep ? adopted : rest).push(entry);
  }
  const removal = await removeResources(rest, context);
  if (removal.failures.length > 0) {
    throw operationError("release/leftovers", `what revision ${plan.recovers} left cannot be removed`, {
      hint: describeFailures(removal),
    });
  }
  const { status } = abandoned;
  const message = status.message ?? `abandoned by its client; revision ${plan.revision} took over`;
  await book.setStatus(plan.release, plan.recovers, { ...status, phase: "failed", message, created: [] });
  failpoint("install/taken-over");
  return { adopted, notes: removal.notes };
}

async function isAlive(entry: CreatedResource, context: ReleaseContext): Promise<boolean> {
  const { state } = await resourceHandlers[entry.kind].state(entry, context);
  return state !== "missing" && state !== "cancelled" && state !== "failed";
}

function isWanted(entry: CreatedResource, abandoned: Revision, plan: InstallPlan): boolean {
  const same = (other: { kind: string; name: string }) => other.kind === entry.kind && other.name === entry.name;
  const before = abandoned.record.resources.find(same);
  const now = plan.resources.find(same);
  return before !== undefined && now !== undefined && before.digest === now.digest && !now.secret;
}

async function supersedeOlder(book: ReleaseBook, plan: InstallPlan, context: ReleaseContext): Promise<void> {
  for (const { record, status } of await book.history(plan.release, context.signal)) {
    if (record.revision >= plan.revision || status.phase !== "deployed") continue;
    await book.setStatus(plan.release, record.revision, { ...status, phase: "superseded" }, context.signal);
  }
}

/**
 * After a failure or an interrupt: removes what was created, by calls of their own that the interrupt does not stop,
 * and gives the same error with how things stand now.
 */
async function undo(
  error: unknown,
  plan: InstallPlan,
  writer: RevisionWriter,
  book: ReleaseBook,
  context: ReleaseContext,
): Promise<Error> {
  const calm: HandlerContext = { client: context.client, owner: context.owner };
  const cause = context.signal?.aborted === true ? operationError("release/interrupted", "interrupted") : error;
  const { code, kind, message, hint, diagnostics } = toErrorRecord(cause);
  const failed = (how: string, advice: string) =>
    new CpmError(code, kind, `${message}; "${plan.release}" was not installed, ${how}`, {
      cause: error,
      diagnostics,
      hint: hint === undefined ? advice : `${hint} ${advice}`,
    });
  try {
    const present = await book.get(plan.release, plan.revision);
    const created = present === undefined ? writer.created : await findCreated(withCreated(present, writer), calm);
    const removal = await removeResources(created, calm);
    const left = removal.failures.map(({ resource }) => resource);
    const how = left.length === 0 ? "nothing of it is left" : `this is left behind: ${describeFailures(removal)}`;
    await writer.update({ phase: "failed", message: `${message} [${code}]; ${how}`, created: left });
    return failed(how, `\`cpm status ${plan.release}\` shows the attempt.`);
  } catch (second) {
    // The colony cannot be asked to clean up: the revision stays pending, and the next command finishes it.
    return failed(
      `and cleaning up failed too: ${toErrorRecord(second).message}`,
      `When the colony answers again, \`cpm install\` or \`cpm uninstall ${plan.release}\` finishes it.`,
    );
  }
}

function withCreated(revision: Revision, writer: RevisionWriter): Revision {
  return { ...revision, status: { ...revision.status, created: writer.created } };
}
