import { setImmediate } from "node:timers/promises";
import type { Job } from "./job.ts";
import { jobLeaseMs } from "./job-leases.ts";
import type { JobEnd, JobLeases } from "./job-leases.ts";
import type { JobMetrics } from "./job-metrics.ts";

export interface JobRunnerParts {
  readonly leases: JobLeases;
  readonly metrics: JobMetrics;
  /** Resolves after so many milliseconds, and rejects when the signal is aborted first. */
  readonly sleep: (durationMs: number, signal: AbortSignal) => Promise<unknown>;
  /** From 0 to 1, 1 excluded: replicas that were started together are not to ask all at once. */
  readonly random: () => number;
  readonly onFailure: (job: string, error: unknown) => void;
}

const longestJitterMs = 60_000;

/**
 * Does the jobs of a registry, each at its times. A failure is told, and the job is tried again at its next time.
 */
export class JobRunner {
  readonly #jobs: readonly Job[];
  readonly #parts: JobRunnerParts;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(jobs: readonly Job[], parts: JobRunnerParts) {
    this.#jobs = jobs;
    this.#parts = parts;
  }

  start(): void {
    this.#running = Promise.all([this.#running, ...this.#jobs.map((job) => this.#repeat(job))]);
  }

  /** No further step begins. */
  drain(): void {
    this.#stopping.abort();
  }

  /** Resolves when no step runs any more. */
  async stop(): Promise<void> {
    this.drain();
    await this.#running;
  }

  /** Does one job to its end, whether it is due or not and whoever else is at it. Throws what it throws. */
  async run(name: string): Promise<void> {
    const job = this.#jobs.find((job) => job.name === name);
    if (job === undefined) throw new TypeError(`there is no job ${name}`);
    const running = this.#measured(job, () => true);
    this.#running = Promise.all([this.#running, running.catch(() => undefined)]);
    await running;
  }

  async #repeat(job: Job): Promise<void> {
    const { sleep, random, onFailure } = this.#parts;
    const { signal } = this.#stopping;
    const jitterMs = Math.min(job.intervalMs / 10, longestJitterMs);
    let waitMs = 0;
    while (!signal.aborted) {
      // Rejects only when it is to end.
      await sleep(waitMs + random() * jitterMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        waitMs = (await this.#turn(job)) ?? job.intervalMs;
      } catch (error) {
        onFailure(job.name, error);
        // Whether it is due is then asked again: it may have been the lease that could not be had.
        waitMs = Math.min(job.intervalMs, longestJitterMs);
      }
    }
  }

  /** One run, where it is due; otherwise how long it is until then. */
  async #turn(job: Job): Promise<number | undefined> {
    const { leases } = this.#parts;
    const waitMs = await leases.take(job.name, job.intervalMs);
    if (waitMs !== undefined) return waitMs;
    let ours = true;
    const renewal = setInterval(() => {
      // A renewal that fails is tried again: the lease has room for two.
      void leases.renew(job.name).then(
        (renewed) => (ours = renewed),
        () => undefined,
      );
    }, jobLeaseMs / 3);
    let end: JobEnd = "broken-off";
    try {
      end = await this.#measured(job, () => ours);
    } catch (error) {
      end = { error: error instanceof Error ? error.message : String(error) };
      throw error;
    } finally {
      clearInterval(renewal);
      await leases.end(job.name, end);
    }
    return undefined;
  }

  async #measured(job: Job, ours: () => boolean): Promise<"done" | "broken-off"> {
    const ended = this.#parts.metrics.begin(job.name);
    let end: "done" | "broken-off" | "failed" = "failed";
    try {
      end = await this.#steps(job, ours);
      return end;
    } finally {
      ended(end !== "failed");
    }
  }

  async #steps(job: Job, ours: () => boolean): Promise<"done" | "broken-off"> {
    const { signal } = this.#stopping;
    while (!signal.aborted && ours()) {
      if ((await job.step(signal)) === "done") return "done";
      // A step may have waited for nothing: requests get their turn.
      await setImmediate();
    }
    return "broken-off";
  }
}
