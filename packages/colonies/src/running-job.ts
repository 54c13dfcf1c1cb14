import type { CancelSignal, JsonValue } from "@cpm/base";
import { isCpmError, toErrorRecord } from "@cpm/base";
import { Backoff, pause } from "./backoff.ts";
import { coloniesError } from "./errors.ts";
import type { ExecutorEvent, ExecutorOptions } from "./executor.ts";
import { isFinal } from "./process-types.ts";
import type { Process } from "./process-types.ts";
import { isAway, watchProcess } from "./watch-process.ts";

type Outcome = { readonly output: readonly JsonValue[] } | { readonly errors: readonly string[] };

const defaultWatchMs = 5000;
/** Two readings of one assignment's start may differ by the database's rounding, in milliseconds. */
const sameStartMs = 2;

/**
 * One assignment of a process to this executor, from its start to its close. While the handler works, the process
 * is watched: once it is no longer this assignment, the handler's signal is aborted and nothing is closed.
 */
export class RunningJob {
  readonly process: Process;
  readonly #options: ExecutorOptions;
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;

  constructor(process: Process, options: ExecutorOptions) {
    this.process = process;
    this.#options = options;
    this.#backoff = new Backoff(options.random ?? Math.random);
  }

  /** Resolves when the process is closed, or known to be somebody else's. Throws what keeps it from being either. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const stop = () => this.lose("the executor stops");
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const ended = new AbortController();
    const watch = this.#watch(ended.signal);
    try {
      await this.#close(await this.#work());
    } finally {
      ended.abort();
      signal.removeEventListener("abort", stop);
      await watch;
    }
  }

  /** Tells the handler that its work is no longer wanted. */
  lose(reason: string, cause?: unknown): void {
    this.#abort.abort(coloniesError("colonies/job-lost", reason, { processId: this.process.id }, cause));
  }

  async #watch(ended: AbortSignal): Promise<void> {
    const { client, watchMs = defaultWatchMs } = this.#options;
    try {
      const watched = watchProcess(client, this.process.id, { signal: ended, pollMs: watchMs });
      for await (const seen of watched) {
        if (!this.#owns(seen)) return this.lose(describeLoss(seen));
      }
    } catch (error) {
      // The end of the job ends the watch. A process that may not be read, or is gone, is not ours.
      if (!ended.aborted) this.lose("the process cannot be read any more", error);
    }
  }

  #owns(present: Process): boolean {
    if (present.state !== "running" || present.assignedExecutorId !== this.#options.client.identity?.id) return false;
    const [before, now] = [this.process.startedAt, present.startedAt];
    if (before === undefined || now === undefined) return true;
    // The same process may have been taken away and been given to us once more.
    return Math.abs(now.getTime() - before.getTime()) <= sameStartMs;
  }

  async #work(): Promise<Outcome> {
    const { client, handlers } = this.#options;
    const { id, functionName } = this.process;
    const handler = Object.hasOwn(handlers, functionName) ? handlers[functionName] : undefined;
    if (handler === undefined) return { errors: [`this executor has no function "${functionName}"`] };
    const { signal } = this.#abort;
    try {
      const output = await handler({
        process: this.process,
        signal,
        log: (message) => this.#persist(() => client.processes.addLog(id, message, { signal })),
        setOutput: (values) => this.#persist(() => client.processes.setOutput(id, values, { signal })),
      });
      return { output: output ?? [] };
    } catch (error) {
      const { code, message, hint } = toErrorRecord(error);
      const advice = hint === undefined ? [] : [hint];
      return { errors: [isCpmError(error) ? `${message} [${code}]` : message, ...advice] };
    }
  }

  /** Does a handler's call to the server, again and again while the server is away. */
  async #persist(call: () => Promise<void>): Promise<void> {
    const backoff = new Backoff(this.#options.random ?? Math.random);
    for (;;) {
      this.#abort.signal.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        if (this.#abort.signal.aborted || !isAway(error)) throw error;
        await this.#trouble(error, backoff.nextMs(), this.#abort.signal);
      }
    }
  }

  /**
   * A late close would overwrite the output of a process that is no longer ours, so it is looked at before each
   * try; what may pass is tried until it does, so that the result of the work is not lost to a restart.
   */
  async #close(outcome: Outcome): Promise<void> {
    let closing = outcome;
    for (let tried = false; ;) {
      try {
        const { client } = this.#options;
        const present = await client.processes.get(this.process.id);
        if (!this.#owns(present)) {
          this.#emit(
            tried && isClosedAs(closing, present) ? this.#closed(closing) : { kind: "lost", process: present },
          );
          return;
        }
        tried = true;
        if ("errors" in closing) await client.processes.closeFailed(this.process.id, closing.errors);
        else await client.processes.closeSuccessful(this.process.id, closing.output);
        this.#emit(this.#closed(closing));
        return;
      } catch (error) {
        if (isCpmError(error, "colonies/not-found")) {
          this.#emit({ kind: "lost", process: this.process });
          return;
        }
        if (this.#options.signal.aborted) throw error;
        if (isCpmError(error, "colonies/refused")) {
          // Output that the server cannot keep will not pass a second time: the process fails with the reason.
          if ("errors" in closing) throw error;
          closing = { errors: [`the output was refused: ${error.message}`] };
          continue;
        }
        await this.#trouble(error, this.#backoff.nextMs(), this.#options.signal);
      }
    }
  }

  #closed(outcome: Outcome): ExecutorEvent {
    return { kind: "closed", process: this.process, successful: !("errors" in outcome) };
  }

  async #trouble(error: unknown, retryMs: number, signal: CancelSignal): Promise<void> {
    this.#emit({ kind: "trouble", error, retryMs });
    await pause(retryMs, signal);
  }

  #emit(event: ExecutorEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Whether a close whose answer was lost did happen. */
function isClosedAs(outcome: Outcome, present: Process): boolean {
  return isFinal(present.state) && present.state === ("errors" in outcome ? "failed" : "success");
}

function describeLoss(present: Process): string {
  if (present.state === "running") return "the process was given to another executor";
  return present.state === "waiting" ? "the process was taken away" : `the process is ${present.state}`;
}
