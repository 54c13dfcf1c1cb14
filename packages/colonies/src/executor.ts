import type { CancelSignal, JsonValue } from "@cpm/base";
import { isCpmError, toErrorRecord } from "@cpm/base";
import type { ColoniesClient } from "./client.ts";
import type { Process } from "./process-types.ts";
import { isAway, watchProcess } from "./subscription.ts";

/** A process that was assigned to this executor, and what its handler may do with it. */
export interface Job {
  readonly process: Process;
  /** Aborted when the process was cancelled, taken away or lost, and when the executor stops. */
  readonly signal: AbortSignal;
  /** Adds to the process's log. A line should bring its own newline. */
  log(message: string): Promise<void>;
  setOutput(output: readonly JsonValue[]): Promise<void>;
}

/** Does the work. What it returns is the process's output; what it throws fails the process. */
export type JobHandler = (job: Job) => Promise<readonly JsonValue[] | void>;

export type ExecutorEvent =
  | { readonly kind: "assigned"; readonly process: Process }
  | { readonly kind: "closed"; readonly process: Process; readonly successful: boolean }
  /** The process is no longer ours: nothing was closed. */
  | { readonly kind: "lost"; readonly process: Process }
  /** The server could not be asked; it will be asked again after `retryMs`. */
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
  /** How often a running job's process is read, in milliseconds. Default 5000. */
  readonly watchMs?: number;
  readonly onEvent?: (event: ExecutorEvent) => void;
  /** Between 0 and 1, for the spread of retries. Default `Math.random`. */
  readonly random?: () => number;
}

const firstRetryMs = 500;
const lastRetryMs = 30_000;

/**
 * Takes work from a colony until the signal says stop. Assign calls go on while jobs run, since they alone tell the
 * server that the executor lives; with all slots busy they go on at the pace of `livenessMs`, and what they bring
 * waits for a slot. A server that restarts, pauses or refuses is asked again with growing pauses. Returns when
 * every job has ended. Functions are registered once, and again after the server forgot them.
 */
export async function runExecutor(options: ExecutorOptions): Promise<void> {
  const executor = new ExecutorLoop(options);
  await executor.run();
}

class ExecutorLoop {
  readonly #options: ExecutorOptions;
  readonly #slots: number;
  readonly #jobs = new Set<Promise<void>>();
  readonly #backlog: Process[] = [];
  #failures = 0;
  #registered = false;
  #stopping = false;
  readonly #sleepers = new Set<() => void>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#slots = options.slots ?? 1;
  }

  async run(): Promise<void> {
    const stop = () => {
      this.#stopping = true;
      this.#wakeAll();
    };
    const { signal } = this.#options;
    if (signal.aborted) return;
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!this.#stopping) await this.#turn();
      await Promise.all(this.#jobs);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #turn(): Promise<void> {
    try {
      if (!this.#registered) await this.#registerFunctions();
      if (this.#jobs.size >= this.#slots) await this.#pause(this.#options.livenessMs ?? 200_000);
      if (this.#stopping) return;
      const full = this.#jobs.size >= this.#slots;
      const process = await this.#assign(full ? 1 : (this.#options.waitSeconds ?? 20));
      this.#failures = 0;
      if (process === undefined) return;
      if (this.#jobs.size < this.#slots) this.#start(process);
      else this.#backlog.push(process);
    } catch (error) {
      if (this.#stopping) return;
      // Removal by the owner or for silence also removed the functions.
      if (!isAway(error)) this.#registered = false;
      const retryMs = this.#retryMs();
      this.#options.onEvent?.({ kind: "trouble", error, retryMs });
      await this.#pause(retryMs);
    }
  }

  async #assign(waitSeconds: number): Promise<Process | undefined> {
    return this.#options.client.processes.assign({ waitSeconds, signal: this.#options.signal });
  }

  async #registerFunctions(): Promise<void> {
    const { client, executorName, executorType, handlers } = this.#options;
    const known = new Set((await client.executors.functions(executorName)).map((entry) => entry.name));
    for (const name of Object.keys(handlers)) {
      if (!known.has(name)) await client.executors.addFunction({ name, executorName, executorType });
    }
    this.#registered = true;
  }

  #start(process: Process): void {
    this.#options.onEvent?.({ kind: "assigned", process });
    const job = this.#runJob(process)
      .catch((error: unknown) => this.#options.onEvent?.({ kind: "trouble", error, retryMs: 0 }))
      .then(() => {
        this.#jobs.delete(job);
        const next = this.#backlog.shift();
        if (next !== undefined && !this.#stopping) this.#start(next);
        this.#wakeAll();
      });
    this.#jobs.add(job);
  }

  async #runJob(process: Process): Promise<void> {
    const abort = new AbortController();
    const stop = () => abort.abort(new Error("the executor stops"));
    this.#options.signal.addEventListener("abort", stop, { once: true });
    const ended = new AbortController();
    const watch = this.#watch(process, abort, ended.signal);
    try {
      const outcome = await this.#work(process, abort.signal);
      await this.#close(process, outcome);
    } finally {
      ended.abort();
      this.#options.signal.removeEventListener("abort", stop);
      await watch;
    }
  }

  /** Aborts the job as soon as the process is no longer running here. */
  async #watch(process: Process, abort: AbortController, ended: AbortSignal): Promise<void> {
    const { client, watchMs } = this.#options;
    try {
      for await (const seen of watchProcess(client, process.id, {
        signal: ended,
        states: ["cancelled"],
        pollMs: watchMs ?? 5000,
      })) {
        if (!this.#owns(seen)) return abort.abort(new Error(`the process is ${seen.state}`));
      }
    } catch (error) {
      // The end of the job ends the watch; a process that was removed is lost to us.
      if (!ended.aborted) abort.abort(error);
    }
  }

  #owns(process: Process): boolean {
    return process.state === "running" && process.assignedExecutorId === this.#options.client.identity?.id;
  }

  async #work(process: Process, signal: AbortSignal): Promise<Outcome> {
    const handler = this.#options.handlers[process.functionName];
    if (handler === undefined) return { errors: [`this executor has no function "${process.functionName}"`] };
    const { client } = this.#options;
    try {
      const output = await handler({
        process,
        signal,
        log: (message) => client.processes.addLog(process.id, message),
        setOutput: (output) => client.processes.setOutput(process.id, output),
      });
      return { output: output ?? [] };
    } catch (error) {
      const { code, message } = toErrorRecord(error);
      return { errors: [isCpmError(error) ? `${message} [${code}]` : message] };
    }
  }

  /** A late close would overwrite the output of a process that is no longer ours: it is looked at once more. */
  async #close(process: Process, outcome: Outcome): Promise<void> {
    const { client, onEvent } = this.#options;
    for (;;) {
      try {
        const present = await client.processes.get(process.id);
        if (!this.#owns(present)) {
          onEvent?.({ kind: "lost", process: present });
          return;
        }
        if ("errors" in outcome) await client.processes.closeFailed(process.id, outcome.errors);
        else await client.processes.closeSuccessful(process.id, outcome.output);
        onEvent?.({ kind: "closed", process, successful: !("errors" in outcome) });
        return;
      } catch (error) {
        if (!isAway(error) || this.#stopping) throw error;
        const retryMs = this.#retryMs();
        onEvent?.({ kind: "trouble", error, retryMs });
        await this.#pause(retryMs);
      }
    }
  }

  #retryMs(): number {
    const limit = Math.min(lastRetryMs, firstRetryMs * 2 ** this.#failures++);
    return Math.round(limit * (0.5 + (this.#options.random ?? Math.random)() / 2));
  }

  /** Ends early when the executor is stopped or a slot becomes free. */
  async #pause(durationMs: number): Promise<void> {
    if (this.#stopping) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, durationMs);
      this.#sleepers.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#sleepers) wake();
  }
}

type Outcome = { readonly output: readonly JsonValue[] } | { readonly errors: readonly string[] };
