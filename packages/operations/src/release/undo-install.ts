import { CpmError, toErrorRecord } from "@cpm/base";
import type { Clock } from "@cpm/base";
import { operationError } from "../errors.ts";
import type { HandlerContext } from "../resources/resource-handler.ts";
import { describeFailures, findCreated, removeResources, resourceKey } from "./leftovers.ts";
import { readOwnership, takenOver } from "./ownership.ts";
import type { ReleaseContext } from "./prepare-install.ts";
import type { ReleaseBook } from "./release-book.ts";
import type { CreatedResource, Revision, RevisionRecord } from "./release-record.ts";
import type { RevisionWriter } from "./revision-writer.ts";

/**
 * After a failure or an interrupt: removes what was created, by calls of their own that the interrupt does not stop,
 * and gives the same error with how things stand now. A client that was taken over touches nothing that its heir
 * holds.
 */
export async function undoInstall(
  error: unknown,
  record: RevisionRecord,
  writer: RevisionWriter,
  book: ReleaseBook,
  context: ReleaseContext,
): Promise<Error> {
  const { release } = record;
  const calm: HandlerContext = { client: context.client, owner: context.owner };
  const cause = context.signal?.aborted === true ? operationError("release/interrupted", "interrupted") : error;
  const failed = (why: unknown, how: string, advice: string): CpmError => {
    const { code, kind, message, hint, diagnostics } = toErrorRecord(why);
    const advised = hint === undefined ? advice : `${hint} ${advice}`;
    return new CpmError(code, kind, `${message}; ${how}`, { cause: error, diagnostics, hint: advised });
  };
  try {
    const owner = await readOwnership(book, record);
    if (owner.kind === "ours") {
      const left = await removeOwn(owner.revision, writer, calm, []);
      const how = left.how === "" ? "nothing of it is left" : `this is left behind: ${left.how}`;
      const { code, message } = toErrorRecord(cause);
      await writer.update({ phase: "failed", message: `${message} [${code}]; ${how}`, created: left.resources });
      return failed(cause, `"${release}" was not installed, ${how}`, `\`cpm status ${release}\` shows the attempt.`);
    }
    const lost = takenOver(record, owner);
    const advice = `\`cpm status ${release}\` shows how it stands now.`;
    const heirs = owner.kind === "ended" ? [] : await heldByHeirs(owner.by, book, context.clock);
    if (heirs === undefined)
      return failed(lost, "what this client had created is left to the one that took over", advice);
    const own = { record, status: { phase: "failed" as const, updatedAt: "", beat: 0, created: writer.created } };
    const left = await removeOwn(own, writer, calm, heirs);
    return failed(lost, left.how === "" ? "nothing else of this client is left" : `this is left: ${left.how}`, advice);
  } catch (second) {
    // The colony cannot be asked to clean up: the revision stays pending, and the next command finishes it.
    return failed(
      cause,
      `"${release}" was not installed, and cleaning up failed too: ${toErrorRecord(second).message}`,
      `When the colony answers again, \`cpm install\` or \`cpm uninstall ${release}\` finishes it.`,
    );
  }
}

async function removeOwn(
  { record, status }: Revision,
  writer: RevisionWriter,
  calm: HandlerContext,
  kept: readonly CreatedResource[],
): Promise<{ readonly how: string; readonly resources: readonly CreatedResource[] }> {
  const held = new Set(kept.map(resourceKey));
  const created = await findCreated({ record, status: { ...status, created: writer.created } }, calm);
  const removal = await removeResources(
    created.filter((entry) => !held.has(resourceKey(entry))),
    calm,
  );
  return { how: describeFailures(removal), resources: removal.failures.map(({ resource }) => resource) };
}

const looks = 40;
const lookEveryMs = 250;

/**
 * What later revisions hold, once the first of them has looked through what this one left; undefined when that does
 * not happen within ten seconds, and then whoever finishes the later revision looks through both.
 */
async function heldByHeirs(
  { record }: Revision,
  book: ReleaseBook,
  clock: Clock,
): Promise<readonly CreatedResource[] | undefined> {
  for (let look = 0; look < looks; look++) {
    const history = await book.history(record.release);
    const later = history.filter((revision) => revision.record.revision >= record.revision);
    const first = later[0]?.status;
    if (first === undefined || first.tookOver === true || first.phase !== "pending-install")
      return later.flatMap(({ status }) => status.created);
    await clock.sleep(lookEveryMs);
  }
  return undefined;
}
