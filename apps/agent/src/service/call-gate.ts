import type { DescMethod } from "@bufbuild/protobuf";
import type { CpmError } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import { agentError } from "../errors.ts";
import { parsePeer } from "./caller.ts";
import type { Caller } from "./caller.ts";

/** A call that has ended, for logs and metrics. */
export interface CallRecord {
  readonly method: string;
  readonly caller: Caller;
  readonly durationMs: number;
  /** Undefined for one that succeeded. */
  readonly error: CpmError | undefined;
  /** What a failure of ours was, under the id that the client was told. */
  readonly cause: unknown;
}

export interface CallGateOptions {
  /** User ids that may do what changes the node for others. */
  readonly administrators: ReadonlySet<number>;
  readonly onBegin: () => void;
  readonly onEnd: (record: CallRecord) => void;
}

/** What only administrators may call. Healing and the leases of others are told apart by their handlers. */
const restricted: ReadonlySet<string> = new Set(["Remove", "Collect"]);

/** Streams without an end of their own. */
const endless: ReadonlySet<string> = new Set(["Watch"]);

/** A call between its beginning and its end. */
export class RunningCall {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly #method: string;
  readonly #gate: CallGate;
  readonly #controller = new AbortController();
  readonly #startedAtMs = performance.now();

  constructor(method: string, caller: Caller, gate: CallGate) {
    this.#method = method;
    this.caller = caller;
    this.signal = this.#controller.signal;
    this.#gate = gate;
  }

  get isEndless(): boolean {
    return endless.has(this.#method);
  }

  /** Throws `agent/denied`, and `agent/draining` for what would never end. */
  admit(): void {
    if (this.#gate.draining && this.isEndless) throw stopping();
    if (restricted.has(this.#method)) assertAdministrator(this.caller, this.#method);
  }

  /** What the client does not want any more. */
  cancel(reason: CpmError = agentError("agent/cancelled", "the call was cancelled")): void {
    this.#controller.abort(reason);
  }

  /** Ends the call once; the answer is the error that the client is told. */
  end(thrown: unknown): CpmError | undefined {
    const error = thrown === undefined ? undefined : toFailure(thrown);
    const durationMs = performance.now() - this.#startedAtMs;
    this.#gate.end(this, { method: this.#method, caller: this.caller, durationMs, error, cause: thrown });
    return error;
  }
}

/** Where calls come in: who may, until when, and how many there are. */
export class CallGate {
  readonly #options: CallGateOptions;
  readonly #running = new Set<RunningCall>();
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  get draining(): boolean {
    return this.#draining;
  }

  begin({ name }: DescMethod, peer: string): RunningCall {
    const call = new RunningCall(name, parsePeer(peer, this.#options.administrators), this);
    this.#running.add(call);
    this.#options.onBegin();
    return call;
  }

  end(call: RunningCall, record: CallRecord): void {
    if (!this.#running.delete(call)) return;
    this.#options.onEnd(record);
    if (this.#running.size === 0) this.#idle?.();
  }

  /**
   * Ends streams that have no end of their own, and resolves when the other calls have ended; those that still run after
   * `graceMs` are ended too. What was sent before the client learned of it is served: an upgrade fails no call.
   */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const call of this.#running) if (call.isEndless) call.cancel(stopping());
    if (this.#running.size === 0) return;
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    const stop = setTimeout(() => {
      for (const call of this.#running) call.cancel(stopping());
    }, graceMs);
    await idle;
    clearTimeout(stop);
  }
}

function stopping(): CpmError {
  return agentError("agent/draining", "the agent is stopping");
}

/** Throws `agent/denied`. */
export function assertAdministrator({ uid, administrator }: Caller, doing: string): void {
  if (!administrator) throw agentError("agent/denied", `user ${uid ?? "unknown"} may not call ${doing}`);
}

/** What is not ours is a failure of the agent: the log has it under an id, the client gets the id. */
function toFailure(thrown: unknown): CpmError {
  if (isCpmError(thrown)) return thrown;
  if (thrown instanceof DOMException && thrown.name === "AbortError")
    return agentError("agent/cancelled", thrown.message);
  return agentError("agent/failure", `the agent failed; its log has it as ${crypto.randomUUID()}`);
}
