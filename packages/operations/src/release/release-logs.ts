import type { CancelSignal } from "@cpm/base";
import { isFinal } from "@cpm/colonies";
import type { LogEntry } from "@cpm/colonies";
import { findCreated, findLabelledWork } from "./leftovers.ts";
import type { ReleaseContext } from "./prepare-install.ts";
import { ReleaseBook } from "./release-book.ts";
import type { Revision } from "./release-record.ts";
import { summarizeProcess, whenPresent } from "../resources/resource-handler.ts";
import type { ProcessSummary } from "../resources/resource-handler.ts";
import { placementMark } from "../resources/stamp.ts";

/** A piece of what a process printed: the server keeps what executors send, whole lines or not. */
export interface ReleaseLogEntry {
  readonly process: ProcessSummary;
  readonly message: string;
  /** UTC nanoseconds since the Unix epoch. */
  readonly timestampNs: bigint;
}

export interface LogsRequest {
  readonly release: string;
  /** Only of the processes of this node. */
  readonly node?: string | undefined;
  /** Goes on until all work has ended. */
  readonly follow: boolean;
}

const pageCount = 500;
const followEveryMs = 1000;

/**
 * What the processes of a release printed, in the order of time as far as it is known. With `follow` it goes on as
 * they print, finds processes that a schedule starts meanwhile, and ends when all work has ended; a release with a
 * schedule ends when it is uninstalled. Throws `release/not-found`.
 */
export async function* readReleaseLogs(request: LogsRequest, context: ReleaseContext): AsyncGenerator<ReleaseLogEntry> {
  const { client, clock, signal } = context;
  const revision = await new ReleaseBook(client, clock).newest(request.release, signal);
  const created = await findCreated(revision, context);
  const schedules = created.some(({ kind }) => kind === "Cron" || kind === "Generator");
  const readers = new Map<string, LogReader>();
  for (;;) {
    const processes = await findProcesses(request, created, context);
    for (const { id } of processes) if (!readers.has(id)) readers.set(id, new LogReader(id, context));
    const found: ReleaseLogEntry[] = [];
    for (const process of processes) {
      for (const entry of (await readers.get(process.id)?.more(signal)) ?? []) {
        found.push({ process, message: entry.message, timestampNs: entry.timestampNs });
      }
    }
    yield* found.toSorted((left, right) => Number(left.timestampNs - right.timestampNs));
    const ended = processes.every((process) => isFinal(process.state));
    if (!request.follow || (ended && !(schedules && (await isInstalled(revision, context))))) return;
    await clock.sleep(followEveryMs, signal);
  }
}

async function isInstalled({ record }: Revision, { client, clock, signal }: ReleaseContext): Promise<boolean> {
  const present = await new ReleaseBook(client, clock).get(record.release, record.revision, signal);
  return present !== undefined && present.status.phase !== "uninstalled";
}

/** The recorded processes and those that carry the label, the oldest first. */
async function findProcesses(
  request: LogsRequest,
  created: Awaited<ReturnType<typeof findCreated>>,
  context: ReleaseContext,
): Promise<readonly ProcessSummary[]> {
  const { client, signal } = context;
  const found = new Map<string, ProcessSummary>();
  for (const { process, resource } of await findLabelledWork(request.release, context)) {
    // What a node printed while it was supplied is no output of the release.
    if (resource.startsWith(placementMark)) continue;
    found.set(process.id, summarizeProcess(process));
  }
  const recorded = created.flatMap(({ processes = {} }) => Object.values(processes)).filter((id) => !found.has(id));
  for (const id of recorded) {
    const process = await whenPresent(() => client.processes.get(id, { signal }));
    if (process !== undefined) found.set(id, summarizeProcess(process));
  }
  return [...found.values()]
    .filter((process) => request.node === undefined || process.node === request.node)
    .toSorted((left, right) => (left.startedAt ?? "~").localeCompare(right.startedAt ?? "~"));
}

/** Reads the log of one process page by page, each entry once. */
class LogReader {
  readonly #processId: string;
  readonly #context: ReleaseContext;
  #sinceNs = 0n;
  /** Entries with the time of the last one read: the next page begins with them again. */
  #atSince = 0;

  constructor(processId: string, context: ReleaseContext) {
    this.#processId = processId;
    this.#context = context;
  }

  async more(signal: CancelSignal | undefined): Promise<readonly LogEntry[]> {
    const fresh: LogEntry[] = [];
    for (;;) {
      // One nanosecond back, so that entries with the same time as the last are not lost between two pages.
      const sinceNs = this.#sinceNs === 0n ? 0n : this.#sinceNs - 1n;
      const page = await this.#context.client.logs.ofProcess(
        this.#processId,
        { sinceNs, count: pageCount },
        { signal },
      );
      const known = page.filter((entry) => entry.timestampNs === this.#sinceNs).slice(0, this.#atSince);
      const added = page.filter((entry) => entry.timestampNs >= this.#sinceNs && !known.includes(entry));
      fresh.push(...added);
      this.#advance(page);
      if (page.length < pageCount) return fresh;
      if (added.length === 0) this.#skip();
    }
  }

  /** A page of one single time, read before: the server has no way to show what else it holds of that time. */
  #skip(): void {
    this.#sinceNs += 1n;
    this.#atSince = 0;
  }

  #advance(page: readonly LogEntry[]): void {
    const last = page.at(-1);
    if (last === undefined) return;
    this.#sinceNs = last.timestampNs;
    this.#atSince = page.filter((entry) => entry.timestampNs === last.timestampNs).length;
  }
}
