import type { CancelSignal } from "@cpm/base";
import { createError, isCpmError } from "@cpm/base";
import { formatRequest } from "./envelope.ts";
import { coloniesErrors } from "./errors.ts";
import type { ColoniesClient } from "./client.ts";
import { isFinal, stateNumber } from "./process-types.ts";
import type { Process, ProcessState } from "./process-types.ts";

export interface WatchOptions {
  readonly signal?: CancelSignal | undefined;
  /** How often the process is read although nothing was pushed, in milliseconds. Default 5000. */
  readonly pollMs?: number;
  /** States that are pushed; the others are seen by reading. Default: all but waiting. */
  readonly states?: readonly ProcessState[];
  /** How long the server keeps one subscription before it is made anew, in seconds. Default 60. */
  readonly subscriptionSeconds?: number;
}

const defaultPollMs = 5000;
const fastPollMs = 250;
const defaultSubscriptionSeconds = 60;
const rereadMs = 100;
/** Some failures have no reason at all: a workflow's members fail with one of them. */
const maxRereads = 3;

/**
 * Every change of a process's state or executor until it is final, beginning with the present one. A websocket
 * tells at once; reading the process from time to time is the truth: pushes are lost when the server restarts, and
 * some changes send none. A server that is away for a while is waited for.
 */
export async function* watchProcess(
  client: ColoniesClient,
  processId: string,
  options: WatchOptions = {},
): AsyncGenerator<Process> {
  const bell = new Bell();
  const socket = new PushSocket(client, processId, options, () => bell.ring());
  const cancel = () => bell.ring();
  options.signal?.addEventListener("abort", cancel);
  let last: Process | undefined;
  // Turns without a push channel: the first polls come fast, then slower, until the usual pace.
  let deafTurns = 0;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        const process = await readProcess(client, processId, options.signal);
        socket.open(process);
        if (last === undefined || isChange(last, process)) {
          last = process;
          deafTurns = 0;
          yield process;
        }
        if (isFinal(process.state)) return;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!isAway(error)) throw error;
      }
      deafTurns = socket.isOpen ? 0 : deafTurns + 1;
      const usualMs = options.pollMs ?? defaultPollMs;
      await bell.wait(deafTurns === 0 ? usualMs : Math.min(usualMs, fastPollMs * 2 ** Math.min(deafTurns - 1, 16)));
    }
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    socket.close();
  }
}

/** The server writes that a process failed before it writes why: a failure without a reason is read again. */
async function readProcess(
  client: ColoniesClient,
  processId: string,
  signal: CancelSignal | undefined,
): Promise<Process> {
  for (let rereads = 0; ; rereads++) {
    const process = await client.processes.get(processId, { signal });
    if (process.state !== "failed" || process.errors.length > 0 || rereads === maxRereads) return process;
    await new Promise((resolve) => setTimeout(resolve, rereadMs));
  }
}

function isChange(before: Process, now: Process): boolean {
  return (
    before.state !== now.state ||
    before.assignedExecutorId !== now.assignedExecutorId ||
    before.startedAt?.getTime() !== now.startedAt?.getTime()
  );
}

/** The process in its final state. Throws `colonies/timeout` after `timeoutMs`. */
export async function waitForProcess(
  client: ColoniesClient,
  processId: string,
  options: WatchOptions & { readonly timeoutMs?: number } = {},
): Promise<Process> {
  const abort = new AbortController();
  const cancel = () => abort.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", cancel, { once: true });
  const { timeoutMs } = options;
  const expire = () => {
    const message = `process ${processId} did not end within ${timeoutMs} ms`;
    abort.abort(createError(coloniesErrors, "colonies/timeout", message, { context: { processId, timeoutMs } }));
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  try {
    for await (const process of watchProcess(client, processId, { ...options, signal: abort.signal })) {
      if (isFinal(process.state)) return process;
    }
    throw new TypeError("a watch ends with a final state");
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", cancel);
  }
}

/** What a server that restarts looks like from outside. */
export function isAway(error: unknown): boolean {
  return awayCodes.some((code) => isCpmError(error, code));
}

const awayCodes = ["colonies/unreachable", "colonies/timeout", "colonies/no-database"] as const;
const pushedStates: readonly ProcessState[] = ["running", "success", "failed", "cancelled"];

/** A websocket with one subscription for each state. It says that something happened, not what. */
class PushSocket {
  readonly #client: ColoniesClient;
  readonly #processId: string;
  readonly #states: readonly ProcessState[];
  readonly #seconds: number;
  readonly #onPush: () => void;
  #socket: WebSocket | undefined;

  constructor(client: ColoniesClient, processId: string, options: WatchOptions, onPush: () => void) {
    this.#client = client;
    this.#processId = processId;
    this.#states = options.states ?? pushedStates;
    this.#seconds = options.subscriptionSeconds ?? defaultSubscriptionSeconds;
    this.#onPush = onPush;
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Opens a connection unless there is one. The server closes it without a word when its subscriptions end. */
  open(process: Process): void {
    if (this.#socket !== undefined || isFinal(process.state)) return;
    const socket = new WebSocket(`${this.#client.endpoint.replace(/^http/, "ws")}/pubsub`);
    this.#socket = socket;
    let openedAtMs: number | undefined;
    socket.addEventListener("open", () => {
      openedAtMs = performance.now();
      for (const state of this.#states) socket.send(this.#subscription(state));
    });
    socket.addEventListener("message", () => this.#onPush());
    const forget = () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      // What happened since is read at once, and the subscription made anew; a socket that was refused, or that
      // somebody closes as soon as it is open, waits for the poll.
      if (openedAtMs !== undefined && performance.now() - openedAtMs >= fastPollMs) this.#onPush();
    };
    socket.addEventListener("close", forget);
    socket.addEventListener("error", forget);
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #subscription(state: ProcessState): string {
    const message = {
      colonyname: this.#client.colonyName,
      processid: this.#processId,
      executortype: "",
      state: stateNumber(state),
      timeout: this.#seconds,
    };
    return formatRequest("subscribeprocessmsg", message, this.#client.identity);
  }
}

/** A wait that ends early when somebody rings, also when the ring came before the wait. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(durationMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, durationMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#rung = false;
  }
}
