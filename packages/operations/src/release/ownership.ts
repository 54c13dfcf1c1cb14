import { isCpmError } from "@cpm/base";
import { operationError } from "../errors.ts";
import { describeClient } from "./release-book.ts";
import type { ReleaseBook } from "./release-book.ts";
import type { Revision, RevisionRecord } from "./release-record.ts";

/** Whether the client that began a revision may still go on with it. */
export type Ownership =
  | { readonly kind: "ours"; readonly revision: Revision }
  /** Another client found this one silent and began a revision of its own. */
  | { readonly kind: "taken-over"; readonly by: Revision }
  /** Somebody has uninstalled the release meanwhile. */
  | { readonly kind: "ended" };

/**
 * Asks the colony. A client may have been paused or cut off for any time, so it asks before it submits anything and
 * again before it writes that down.
 */
export async function readOwnership(book: ReleaseBook, record: RevisionRecord): Promise<Ownership> {
  const { release, revision, client } = record;
  const [own, next] = await Promise.all([readable(book, release, revision), readable(book, release, revision + 1)]);
  if (next !== undefined) return { kind: "taken-over", by: next };
  if (own === undefined) return { kind: "ended" };
  if (own.record.client.id !== client.id) return { kind: "taken-over", by: own };
  const { phase } = own.status;
  return phase === "pending-install" || phase === "deployed" ? { kind: "ours", revision: own } : { kind: "ended" };
}

/** Throws `release/taken-over` unless the revision is still its client's own. */
export async function assertOurs(book: ReleaseBook, record: RevisionRecord): Promise<void> {
  const found = await readOwnership(book, record);
  if (found.kind !== "ours") throw takenOver(record, found);
}

export function takenOver({ release }: RevisionRecord, found: Exclude<Ownership, { kind: "ours" }>): Error {
  const what =
    found.kind === "ended"
      ? `"${release}" was uninstalled while this client was silent`
      : `${describeClient(found.by)} took "${release}" over while this client was silent`;
  return operationError("release/taken-over", what);
}

/** What somebody else wrote under the name of a revision is none. */
async function readable(book: ReleaseBook, release: string, revision: number): Promise<Revision | undefined> {
  try {
    return await book.get(release, revision);
  } catch (error) {
    if (isCpmError(error, "release/record")) return undefined;
    throw error;
  }
}
