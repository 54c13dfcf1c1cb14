import type { CancelSignal, JsonValue } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import { Backoff, pause } from "./backoff.ts";
import type { ColoniesClient } from "./client.ts";
import type { Process } from "./process-types.ts";
import { RunningJob } from "./running-job.ts";
import { isAway } from "./watch-process.ts";

/** A process that was assigned to this executor, and what its handler may do with it. */
export interface Job {
  readonly process: Process;
  /** Aborted with `colonies/job-lost` when the process was cancelled or taken away, and when the executor stops. */
  readonly signal: AbortSignal;
  /** Adds to the process's log; waits for a server that is away. A line should bring its own newline. */
  log(message: string): Promise<void>;
  setOutput(output: readonly JsonValue[]): Promise<void>;
}

/**
 * Does the work. What it returns is the process's output; what it throws fails the process. A process may come
 * twice (a restart, a removal, a limit of time): work should bear being done again.
 */
export type JobHandler = (job: Job) => Promise<readonly JsonValue[] | void>;

export type ExecutorEvent =
  | { readonly kind: "assigned"; readonly process: Process }
  | { readonly kind: "closed"; readonly process: Process; readonly successful: boolean }
  /** The process is no longer ours: nothing was closed. */
  | { readonly kind: "lost"; readonly process: Process }
  /** The server could not be asked, or refused; it will be asked again after `retryMs`. */
  | { readonly kind: "trouble"; readonly error: unknown; readonly retryMs: number };

export interface ExecutorOptions {
  /** With the executor's own identity. */
  readonly client: ColoniesClient;
  readonly executorName: string;
  readonly executorType: string;
  /** By function name. A call of another function fails its process. */
  readonly handlers: Readonly<Record<string, JobHandler>>;
  /** How many jobs run at once. Default 1. */
  readonly slots?: number;
  /** Stops the loop: no more work is taken, running jobs are aborted and failed. */
  readonly signal: CancelSignal;
  /** How long one assign call waits, in seconds. Default 20. */
  readonly waitSeconds?: number;
  /** How often the server must hear of us, in milliseconds: well below its 600 s. Default 200 000. */
  readonly livenessMs?: number;
  /** The longest time between two readings of a running job's process, in milliseconds. Default 5000. */
  readonly watchMs?: number;
  readonly onEvent?: (event: ExecutorEvent) => void;
  /** Between 0 and 1, for the spread of retries. Default `Math.random`. */
  readonly random?: () => number;
}

const defaultWaitSeconds = 20;
const defaultLivenessMs = 200_000;

/**
 * Takes work from a colony until the signal says stop, and returns when every job has ended. Only assign calls
 * tell the server that the executor lives, so they go on while jobs run: with all slots busy, at the pace of
 * `livenessMs`, asking for nothing. Work beyond the slots stays in the queue, where others can take it. A server
 * that restarts, pauses or refuses is asked again with growing pauses; jobs that run meanwhile go on, and their
 * results are delivered. Functions are registered once, and again after the server forgot them.
 */
export async function runExecutor(options: ExecutorOptions): Promise<void> {
  const loop = new ExecutorLoop(options);
  await loop.run();
}

class ExecutorLoop {
  readonly #options: ExecutorOptions;
  readonly #slots: number;
  readonly #livenessMs: number;
  readonly #backoff: Backoff;
  readonly #jobs = new Map<RunningJob, Promise<void>>();
  #registeredAtMs: number | undefined;
  /** Aborted when a slot becomes free. */
  #freed = new AbortController();

  constructor(options: ExecutorOptions) {
    this.#options = { ...options, onEvent: (event) => this.#notice(event, options.onEvent) };
    this.#slots = options.slots ?? 1;
    this.#livenessMs = options.livenessMs ?? defaultLivenessMs;
    this.#backoff = new Backoff(options.random ?? Math.random);
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const wake = () => this.#freed.abort();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) await this.#turn();
      await Promise.all(this.#jobs.values());
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  async #turn(): Promise<void> {
    try {
      if (this.#functionsAreDue()) await this.#registerFunctions();
      if (this.#jobs.size < this.#slots) {
        const process = await this.#assign();
        if (process !== undefined) this.#start(process);
      } else {
        await this.#reportAlive();
        await this.#untilFree();
      }
      this.#backoff.reset();
    } catch (error) {
      if (this.#options.signal.aborted) return;
      // A paused colony has kept us waiting already, and answers at once when it goes on.
      if (isCpmError(error, "colonies/paused")) this.#backoff.reset();
      const retryMs = this.#backoff.nextMs();
      this.#options.onEvent?.({ kind: "trouble", error, retryMs });
      await pause(retryMs, this.#options.signal);
    }
  }

  /** A removal, by the owner or for silence, takes jobs and functions alike: after a loss they are looked at again. */
  #notice(event: ExecutorEvent, tell: ExecutorOptions["onEvent"]): void {
    if (event.kind === "lost" || (event.kind === "trouble" && !isAway(event.error))) this.#registeredAtMs = undefined;
    tell?.(event);
  }

  async #assign(): Promise<Process | undefined> {
    const { client, signal, waitSeconds = defaultWaitSeconds } = this.#options;
    // A wait may not be longer than the silence that the server bears.
    return client.processes.assign({ waitSeconds: Math.min(waitSeconds, wholeSeconds(this.#livenessMs)), signal });
  }

  /** An assign call for less than no CPU, which every process asks at least: nothing can be given. */
  async #reportAlive(): Promise<void> {
    const { client, signal } = this.#options;
    try {
      await client.processes.assign({ waitSeconds: -1, availableCpu: "-1m", availableMemory: "-1Mi", signal });
    } catch (error) {
      // The server hears us also while the colony is paused.
      if (!isCpmError(error, "colonies/paused")) throw error;
    }
  }

  async #untilFree(): Promise<void> {
    if (this.#jobs.size >= this.#slots) await pause(this.#livenessMs, this.#freed.signal);
    if (!this.#options.signal.aborted) this.#freed = new AbortController();
  }

  /** Also from time to time: an owner may have removed and approved us between two calls. */
  #functionsAreDue(): boolean {
    return this.#registeredAtMs === undefined || performance.now() - this.#registeredAtMs >= this.#livenessMs;
  }

  async #registerFunctions(): Promise<void> {
    const { client, executorName, executorType, handlers, signal } = this.#options;
    const known = new Set((await client.executors.functions(executorName, { signal })).map((entry) => entry.name));
    for (const name of Object.keys(handlers)) {
      if (!known.has(name)) await client.executors.addFunction({ name, executorName, executorType }, { signal });
    }
    this.#registeredAtMs = performance.now();
  }

  #start(process: Process): void {
    this.#options.onEvent?.({ kind: "assigned", process });
    for (const job of this.#jobs.keys()) {
      if (job.process.id === process.id) job.lose("the process was taken away and came back");
    }
    const job = new RunningJob(process, this.#options);
    this.#jobs.set(job, this.#finish(job));
  }

  async #finish(job: RunningJob): Promise<void> {
    try {
      await job.run();
    } catch (error) {
      this.#options.onEvent?.({ kind: "trouble", error, retryMs: 0 });
    } finally {
      this.#jobs.delete(job);
      this.#freed.abort();
    }
  }
}

function wholeSeconds(durationMs: number): number {
  return Math.max(1, Math.floor(durationMs / 1000));
}
