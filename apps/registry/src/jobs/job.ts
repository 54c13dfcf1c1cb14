/**
 * Work that no request asks for, done again and again. A lease keeps replicas from doing the same work twice, but it can
 * lapse while a step still runs: what a job does must be right when two do it at once, and after an end at any point.
 */
export interface Job {
  /** In kebab case: it is the key of the lease, and a label of the metrics. */
  readonly name: string;
  /** From the beginning of one run to that of the next, wherever that is. */
  readonly intervalMs: number;
  /**
   * Does a piece of the work, of seconds and not of hours, and answers whether there is more to do now. A registry that
   * stops waits for the step and begins no further one; a step that waits for something gives up when `signal` is
   * aborted. What it throws ends the run, and is told to the operator.
   */
  step(signal: AbortSignal): Promise<"more" | "done">;
}
