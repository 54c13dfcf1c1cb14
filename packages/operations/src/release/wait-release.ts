import type { JsonValue } from "@cpm/base";
import { isFinal, watchProcess } from "@cpm/colonies";
import type { ProcessState } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import type { ReleaseContext } from "./prepare-install.ts";
import type { CreatedResource } from "./release-record.ts";

/** What one process of a release came to. */
export interface WorkResult {
  readonly resource: string;
  readonly node: string;
  readonly processId: string;
  readonly state: ProcessState;
  readonly output: readonly JsonValue[];
  readonly errors: readonly string[];
  /** Whether nothing else of the workflow depends on it: its output is the result. */
  readonly leaf: boolean;
}

/** What a timer can hold: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * Waits until all work that a release submitted has ended, reporting every change of state. Schedules are not waited
 * for. Throws `release/wait-timeout`; failed work is in the result, not thrown.
 */
export async function waitForRelease(
  created: readonly CreatedResource[],
  context: ReleaseContext,
  report: ReportProgress,
  timeoutMs?: number,
): Promise<readonly WorkResult[]> {
  const timeout = new AbortController();
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(), Math.min(timeoutMs, maxTimerMs));
  const done = new AbortController();
  const signal = AbortSignal.any([
    timeout.signal,
    done.signal,
    ...(context.signal === undefined ? [] : [context.signal]),
  ]);
  const work = created.flatMap(({ kind, name, processes = {} }) =>
    Object.entries(processes).map(([node, id]) => ({ resource: `${kind} ${name}`, node, id })),
  );
  try {
    return await Promise.all(work.map((entry) => waitForWork(entry, { ...context, signal }, report)));
  } catch (error) {
    if (!timeout.signal.aborted || context.signal?.aborted === true) throw error;
    throw operationError("release/wait-timeout", `the work has not ended within ${timeoutMs} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
    // One watch that failed does not leave the others running.
    done.abort();
  }
}

async function waitForWork(
  entry: { readonly resource: string; readonly node: string; readonly id: string },
  context: ReleaseContext,
  report: ReportProgress,
): Promise<WorkResult> {
  const { client, signal } = context;
  const label = entry.node === "" ? entry.resource : `${entry.resource}: ${entry.node}`;
  // A workflow that is cancelled tells nobody, so its members are also looked at once a second.
  for await (const process of watchProcess(client, entry.id, { signal, pollMs: 1000 })) {
    const finished = isFinal(process.state);
    report({ id: entry.id, label, state: process.state, finished, failed: finished && process.state !== "success" });
    if (!finished) continue;
    const { state, output, errors, children } = process;
    return { ...entry, processId: entry.id, state, output, errors, leaf: children.length === 0 };
  }
  throw new TypeError("a watch ends with a final state");
}
