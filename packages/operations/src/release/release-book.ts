import type { CancelSignal, Clock } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { ColoniesClient } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { Revision, RevisionRecord, RevisionStatus } from "./release-record.ts";
import { formatRecord, formatStatus, readRevision, releaseKind, revisionName } from "./release-record.ts";

export interface BookContents {
  /** By release and revision. */
  readonly revisions: readonly Revision[];
  /** Records under our kind that are none of ours, each as the error that reading it gave. */
  readonly unreadable: readonly Error[];
}

/** The releases of a colony, as it keeps them: one immutable blueprint for each revision. */
export class ReleaseBook {
  readonly #client: ColoniesClient;
  readonly #clock: Clock;

  constructor(client: ColoniesClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async read(signal?: CancelSignal): Promise<BookContents> {
    const revisions: Revision[] = [];
    const unreadable: Error[] = [];
    for (const blueprint of await this.#client.blueprints.list(releaseKind, { signal })) {
      try {
        revisions.push(readRevision(blueprint));
      } catch (error) {
        if (!isCpmError(error, "release/record")) throw error;
        unreadable.push(error);
      }
    }
    revisions.sort(byReleaseAndRevision);
    return { revisions, unreadable };
  }

  /** The revisions of one release, oldest first; none when there is no such release. */
  async history(release: string, signal?: CancelSignal): Promise<readonly Revision[]> {
    const { revisions } = await this.read(signal);
    return revisions.filter(({ record }) => record.release === release);
  }

  /** The newest revision; throws `release/not-found`. */
  async newest(release: string, signal?: CancelSignal): Promise<Revision> {
    const found = (await this.history(release, signal)).at(-1);
    if (found === undefined) {
      const colony = this.#client.colonyName;
      throw operationError("release/not-found", `the colony ${colony} has no release "${release}"`);
    }
    return found;
  }

  /** The present state of a revision; undefined when somebody removed it. */
  async get(release: string, revision: number, signal?: CancelSignal): Promise<Revision | undefined> {
    const blueprint = await this.#client.blueprints.get(revisionName(release, revision), { signal });
    return blueprint === undefined ? undefined : readRevision(blueprint);
  }

  /**
   * Makes a revision. Of several clients that make the same one the colony lets one through; for the others it
   * throws `release/busy`. Throws `colony/not-prepared` where the colony does not know releases.
   */
  async create(record: RevisionRecord, status: RevisionStatus, signal?: CancelSignal): Promise<void> {
    const { release, revision } = record;
    try {
      await this.#client.blueprints.add(
        {
          kind: releaseKind,
          name: revisionName(release, revision),
          labels: { app: "cpm", release, revision: String(revision), package: record.packages.at(-1)?.name ?? "" },
          spec: formatRecord(record),
          status: formatStatus(status),
          createdAt: new Date(this.#clock.now()).toISOString(),
        },
        { signal },
      );
    } catch (error) {
      if (isCpmError(error, "colonies/exists")) throw await this.#lostRace(record, error, signal);
      if (isCpmError(error, "colonies/refused") && /not found in namespace/.test(error.message)) {
        throw operationError(
          "colony/not-prepared",
          `the colony ${this.#client.colonyName} does not keep releases yet`,
          {
            cause: error,
          },
        );
      }
      throw error;
    }
  }

  async setStatus(
    release: string,
    revision: number,
    status: Omit<RevisionStatus, "updatedAt">,
    signal?: CancelSignal,
  ): Promise<void> {
    const whole = { ...status, updatedAt: new Date(this.#clock.now()).toISOString() };
    await this.#client.blueprints.setStatus(revisionName(release, revision), formatStatus(whole), { signal });
  }

  async remove(release: string, revision: number, signal?: CancelSignal): Promise<void> {
    await this.#client.blueprints.remove(revisionName(release, revision), { signal });
  }

  async #lostRace(record: RevisionRecord, cause: unknown, signal: CancelSignal | undefined): Promise<Error> {
    const { release, revision } = record;
    const other = await this.get(release, revision, signal);
    const who = other === undefined ? "another client" : describeClient(other);
    return operationError("release/busy", `${who} got to install "${release}" first`, { cause });
  }
}

/** `anna on node7, since 2026-03-01T10:00:00Z`. */
export function describeClient({ record }: Revision): string {
  const { user, host, startedAt } = record.client;
  return `${user || "somebody"}${host === "" ? "" : ` on ${host}`}${startedAt === "" ? "" : ` (since ${startedAt})`}`;
}

function byReleaseAndRevision(left: Revision, right: Revision): number {
  const [a, b] = [left.record, right.record];
  return a.release === b.release ? a.revision - b.revision : a.release < b.release ? -1 : 1;
}
