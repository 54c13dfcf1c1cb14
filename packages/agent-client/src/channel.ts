import { create } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CancelSignal } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { CallOptions as GrpcOptions, ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { agentClientError } from "./errors.ts";
import { parseGrpcError } from "./grpc-error.ts";
import { methodCodec } from "./method-codec.ts";

export interface CallOptions {
  readonly signal?: CancelSignal | undefined;
  /** Until the answer has come, repetitions included. Default: the client's. */
  readonly timeoutMs?: number;
}

export interface ChannelOptions {
  /** Absolute path of the agent's socket. */
  readonly socket: string;
  /** For calls that answer once. */
  readonly timeoutMs: number;
  /** How long a call is repeated while no agent answers, as when it is being restarted. 0: it fails at once. */
  readonly patienceMs: number;
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & { readonly input: I; readonly output: O };

const maxMessageBytes = 4 * 1024 * 1024;
const firstPauseMs = 50;
const maxPauseMs = 2000;
const maxReconnectMs = 500;

/**
 * Calls of one agent. Every call of the contract may be repeated, so what fails because no agent answers is repeated for a
 * while. Errors are those that the agent threw, or `agent-client/…`.
 */
export class Channel {
  readonly #client: Client;
  readonly #options: ChannelOptions;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#client = new Client(`unix:${options.socket}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": maxMessageBytes,
      // Clients share no connection, and so not the pause after another one's failure either.
      "grpc.use_local_subchannel_pool": 1,
      // An agent that is being restarted is back within moments.
      "grpc.initial_reconnect_backoff_ms": firstPauseMs,
      "grpc.max_reconnect_backoff_ms": maxReconnectMs,
    });
  }

  /** One message for one message. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const { timeoutMs = this.#options.timeoutMs, signal } = options;
    const deadlineMs = Date.now() + timeoutMs;
    return this.#patiently(signal, () => this.#once(method, request, deadlineMs, signal));
  }

  /** The messages of a stream; it is begun again while no agent answers and nothing has come. No deadline by default. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    { signal, timeoutMs }: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    const deadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
    const call = await this.#patiently(signal, () => this.#open(method, request, deadlineMs, signal));
    const cancel = (): void => call.stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      if (call.first !== undefined) yield call.first;
      for (let next = await call.rest.next(); next.done !== true; next = await call.rest.next()) yield next.value;
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.stream.cancel();
    }
  }

  close(): void {
    this.#client.close();
  }

  #once<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    deadline: number,
    signal: CancelSignal | undefined,
  ): Promise<MessageShape<O>> {
    const { path, requestSerialize, responseDeserialize } = methodCodec<I, O>(method);
    const message = create(method.input, request);
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: MessageShape<O>): void => {
        signal?.removeEventListener("abort", cancel);
        if (error !== null) reject(this.#failure(error, signal));
        else if (answer === undefined) reject(agentClientError("agent-client/protocol", "an answer without a message"));
        else resolve(answer);
      };
      const options: GrpcOptions = { deadline };
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        new Metadata(),
        options,
        done,
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Begins a stream and waits for its first message, so that a failure to reach anybody is known. */
  async #open<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    deadline: number,
    signal: CancelSignal | undefined,
  ) {
    const { path, requestSerialize, responseDeserialize } = methodCodec<I, O>(method);
    const message = create(method.input, request);
    const stream: ClientReadableStream<MessageShape<O>> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      new Metadata(),
      { deadline },
    );
    const cancel = (): void => stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    const rest: AsyncIterator<MessageShape<O>> = stream[Symbol.asyncIterator]();
    try {
      const { value, done } = await rest.next();
      return { stream, rest, first: done === true ? undefined : value };
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Runs a call again while nobody answers, with pauses that double and differ between clients. */
  async #patiently<T>(signal: CancelSignal | undefined, call: () => Promise<T>): Promise<T> {
    const untilMs = Date.now() + this.#options.patienceMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
      signal?.throwIfAborted();
      try {
        return await call();
      } catch (error) {
        if (!isCpmError(error) || error.kind !== "unavailable" || Date.now() + pauseMs > untilMs) throw error;
      }
      await pause(pauseMs * (0.5 + Math.random() / 2), signal);
    }
  }

  #failure(error: unknown, signal: CancelSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    return isServiceError(error) ? parseGrpcError(error, this.#options.socket) : error;
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "metadata" in error;
}

function pause(durationMs: number, signal: CancelSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, durationMs);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
