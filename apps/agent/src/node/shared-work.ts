import { agentError } from "../errors.ts";

export interface SharedWorkLimits {
  /** Pieces of work that run at once; the others wait for their turn. */
  readonly maxRunning: number;
  /** Pieces of work that wait. */
  readonly maxWaiting: number;
}

/** Does a piece of work, telling how far it is. It must stop soon after the signal is aborted. */
export type Work<Result, Progress> = (report: (progress: Progress) => void, signal: AbortSignal) => Promise<Result>;

interface Job<Result, Progress> {
  readonly listeners: Set<(progress: Progress) => void>;
  readonly controller: AbortController;
  readonly result: Promise<Result>;
  /** What was told last, for who joins later. */
  last(): Progress | undefined;
}

/**
 * Work that several callers want and that is done once. A caller who leaves takes nothing from the others; when the
 * last one has left, the work is stopped.
 */
export class SharedWork<Result, Progress> {
  readonly #limits: SharedWorkLimits;
  readonly #jobs = new Map<string, Job<Result, Progress>>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(limits: SharedWorkLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * The result of the work of that name, which is begun where nobody does it yet. Rejects with the signal's reason when
   * that is aborted, and throws `agent/busy` when too much waits. `joined` says whether somebody else had begun it.
   */
  async join(
    key: string,
    work: Work<Result, Progress>,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<{ readonly result: Result; readonly joined: boolean }> {
    signal.throwIfAborted();
    const known = this.#jobs.get(key);
    const job = known ?? this.#begin(key, work);
    // Each caller is told through a function of its own, so that one who asks twice is counted twice.
    const listener = (progress: Progress): void => report(progress);
    job.listeners.add(listener);
    const last = job.last();
    if (last !== undefined) report(last);
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return { result: await Promise.race([job.result, left.promise]), joined: known !== undefined };
    } finally {
      signal.removeEventListener("abort", leave);
      job.listeners.delete(listener);
      if (job.listeners.size === 0) this.#stop(key, job);
    }
  }

  #begin(key: string, work: Work<Result, Progress>): Job<Result, Progress> {
    if (this.#running >= this.#limits.maxRunning && this.#queue.length >= this.#limits.maxWaiting)
      throw agentError("agent/busy", `${this.#queue.length} things are waited for already`);
    const controller = new AbortController();
    const listeners = new Set<(progress: Progress) => void>();
    let last: Progress | undefined;
    const report = (progress: Progress): void => {
      last = progress;
      for (const listener of listeners) listener(progress);
    };
    const result = this.#run(work, report, controller.signal);
    const job: Job<Result, Progress> = { listeners, controller, result, last: () => last };
    // Whoever waits sees the failure; when all have left nobody does.
    job.result.catch(() => {});
    this.#jobs.set(key, job);
    void job.result.then(
      () => this.#forget(key, job),
      () => this.#forget(key, job),
    );
    return job;
  }

  async #run(work: Work<Result, Progress>, report: (p: Progress) => void, signal: AbortSignal): Promise<Result> {
    if (this.#running >= this.#limits.maxRunning) await this.#turn(signal);
    else this.#running++;
    try {
      signal.throwIfAborted();
      return await work(report, signal);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Resolves with the place of one that has ended. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(enter), 1);
        reject(signal.reason);
      };
      this.#queue.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** Nobody waits any more. Who comes now begins anew. */
  #stop(key: string, job: Job<Result, Progress>): void {
    this.#forget(key, job);
    job.controller.abort(new DOMException("Nobody waits for it any more", "AbortError"));
  }

  #forget(key: string, job: Job<Result, Progress>): void {
    if (this.#jobs.get(key) === job) this.#jobs.delete(key);
  }
}
