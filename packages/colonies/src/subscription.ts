import type { CancelSignal } from "@cpm/base";
import { createError } from "@cpm/base";
import { formatRequest } from "./envelope.ts";
import { coloniesErrors } from "./errors.ts";
import type { ColoniesClient } from "./client.ts";
import { isFinal, stateNumber } from "./process-types.ts";
import type { Process, ProcessState } from "./process-types.ts";

export interface WatchOptions {
  readonly signal?: CancelSignal | undefined;
  /** How often the process is read although nothing was pushed, in milliseconds. Default 5000. */
  readonly pollMs?: number;
  /** States to be told of. Default: the final ones. */
  readonly states?: readonly ProcessState[];
}

const defaultPollMs = 5000;
const fastPollMs = 250;
/** For how long the server keeps one subscription, in seconds. */
const subscriptionSeconds = 60;

/**
 * Every change of a process's state until it is final, beginning with the present one. A websocket tells at once;
 * reading the process from time to time is the truth: pushes are lost when the server restarts, and some changes
 * send none. A server that is away for a while is waited for.
 */
export async function* watchProcess(
  client: ColoniesClient,
  processId: string,
  options: WatchOptions = {},
): AsyncGenerator<Process> {
  const bell = new Bell();
  const socket = new PushSocket(
    client,
    processId,
    options.states ?? ["running", "success", "failed", "cancelled"],
    () => bell.ring(),
  );
  const cancel = () => bell.ring();
  options.signal?.addEventListener("abort", cancel);
  let last: ProcessState | undefined;
  let failures = 0;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        const process = await client.processes.get(processId, { signal: options.signal });
        failures = 0;
        socket.open(process);
        if (process.state !== last) {
          last = process.state;
          yield process;
        }
        if (isFinal(process.state)) return;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!isAway(error)) throw error;
        failures++;
      }
      // Without a socket the poll is all there is: it goes faster, and slower again while the server is away.
      const pollMs = socket.isOpen
        ? (options.pollMs ?? defaultPollMs)
        : Math.min(options.pollMs ?? defaultPollMs, fastPollMs * 2 ** failures);
      await bell.wait(pollMs);
    }
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    socket.close();
  }
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
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "colonies/unreachable" || error.code === "colonies/timeout";
}

/** A websocket with one subscription for each state. It says that something happened, not what. */
class PushSocket {
  readonly #client: ColoniesClient;
  readonly #processId: string;
  readonly #states: readonly ProcessState[];
  readonly #onPush: () => void;
  #socket: WebSocket | undefined;

  constructor(client: ColoniesClient, processId: string, states: readonly ProcessState[], onPush: () => void) {
    this.#client = client;
    this.#processId = processId;
    this.#states = states;
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
    socket.addEventListener("open", () => {
      for (const state of this.#states) socket.send(this.#subscription(state));
    });
    socket.addEventListener("message", () => this.#onPush());
    const forget = () => {
      if (this.#socket === socket) this.#socket = undefined;
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
      timeout: subscriptionSeconds,
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
