import type { CancelSignal, Clock } from "@cpm/base";
import type { ReleaseName } from "@cpm/model";
import { operationError } from "../errors.ts";
import type { ReleaseBook } from "./release-book.ts";
import { describeClient } from "./release-book.ts";
import type { Revision } from "./release-record.ts";

/** A client that works writes a beat at least every 3 s. */
export const beatEveryMs = 3000;
const defaultSilenceMs = 10_000;
const lookEveryMs = 250;

export interface NextRevision {
  readonly revision: number;
  /** The newest revision when its client died, or when it failed and may have left something. */
  readonly recovers?: number;
}

/**
 * The number that the next installation of a release gets. Throws `release/exists` when it is installed already,
 * and `release/busy` when another client is alive and at work on it.
 */
export async function nextRevision(
  book: ReleaseBook,
  release: ReleaseName,
  clock: Clock,
  silenceMs: number = defaultSilenceMs,
  signal?: CancelSignal,
): Promise<NextRevision> {
  const newest = (await book.history(release, signal)).at(-1);
  if (newest === undefined) return { revision: 1 };
  const { record, status } = newest;
  const next = { revision: record.revision + 1 };
  if (status.phase === "uninstalled") return next;
  if (status.phase === "failed") return { ...next, recovers: record.revision };
  if (status.phase === "deployed" || status.phase === "superseded") throw exists(newest);
  const present = await settled(book, newest, clock, silenceMs, signal);
  if (present === undefined) return nextRevision(book, release, clock, silenceMs, signal);
  return { ...next, recovers: present.record.revision };
}

/**
 * Watches a revision that is under way until its client has been silent for `silenceMs`, by the watcher's own clock;
 * clocks of two machines are never compared. Undefined when it came to an end meanwhile; throws `release/busy` at the
 * first sign of life.
 */
export async function settled(
  book: ReleaseBook,
  revision: Revision,
  clock: Clock,
  silenceMs: number = defaultSilenceMs,
  signal?: CancelSignal,
): Promise<Revision | undefined> {
  const { release, revision: number } = revision.record;
  const until = clock.now() + silenceMs;
  while (clock.now() < until) {
    await clock.sleep(Math.min(lookEveryMs, silenceMs), signal);
    const present = await book.get(release, number, signal);
    if (present === undefined || present.status.phase !== revision.status.phase) return undefined;
    if (present.status.beat !== revision.status.beat) {
      const what =
        present.status.phase === "uninstalling"
          ? `another client is uninstalling "${release}"`
          : `${describeClient(present)} is at work on "${release}"`;
      throw operationError("release/busy", what);
    }
  }
  return revision;
}

function exists({ record }: Revision): Error {
  const root = record.packages.at(-1);
  const what = root === undefined ? "something" : `${root.name}@${root.version}`;
  return operationError(
    "release/exists",
    `the release "${record.release}" is installed already: ${what}, revision ${record.revision}`,
  );
}
