import type { CancelSignal, JsonObject, JsonValue } from "@cpm/base";
import { formatRequest, parseReply } from "./envelope.ts";
import { callTimeout, coloniesError, protocolFault, unreachable } from "./errors.ts";
import type { Identity } from "./identity.ts";

/** The part of the platform's `fetch` that is used; a test may give its own. */
export type Fetch = (
  url: string,
  init: { method: string; body: string; headers: Record<string, string>; signal: AbortSignal },
) => Promise<Response>;

export interface CallOptions {
  readonly signal?: CancelSignal | undefined;
  /** How long the server may take, in milliseconds. Default: the transport's. A long poll adds its own time. */
  readonly timeoutMs?: number | undefined;
}

/** One signed call. Unsigned ones (`versionmsg`, `getserverinfomsg`) need no identity. */
export interface Caller {
  call(payloadType: string, message: JsonObject, options?: CallOptions): Promise<JsonValue>;
}

export interface TransportOptions {
  /** `http://host:port` or `https://…`, without a path. */
  readonly endpoint: string;
  readonly fetch?: Fetch | undefined;
  /** Default 30 000. */
  readonly timeoutMs?: number | undefined;
}

const defaultTimeoutMs = 30_000;
const unsigned = new Set(["versionmsg", "getserverinfomsg"]);

/** Calls over HTTP: everything is `POST /api`. */
export class HttpTransport {
  readonly endpoint: string;
  readonly #fetch: Fetch;
  readonly #timeoutMs: number;

  constructor(options: TransportOptions) {
    this.endpoint = options.endpoint.replace(/\/+$/, "");
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  }

  /** Throws `colonies/unreachable`, `colonies/timeout`, the signal's reason, or what the server refused. */
  async call(
    payloadType: string,
    message: JsonObject,
    identity: Identity | undefined,
    options: CallOptions = {},
  ): Promise<JsonValue> {
    if (identity === undefined && !unsigned.has(payloadType)) {
      throw coloniesError("colonies/unauthenticated", `${payloadType} needs a key, and none was given`);
    }
    options.signal?.throwIfAborted();
    const text = await this.#post(payloadType, formatRequest(payloadType, message, identity), options);
    if (text === "")
      throw coloniesError("colonies/no-answer", `the server sent an empty answer to ${payloadType}`, { payloadType });
    return parseReply(payloadType, text);
  }

  async #post(payloadType: string, body: string, options: CallOptions): Promise<string> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(callTimeout(this.endpoint, payloadType, timeoutMs)), timeoutMs);
    const cancel = () => abort.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      const headers = { "content-type": "application/json" };
      const response = await this.#fetch(`${this.endpoint}/api`, {
        method: "POST",
        body,
        headers,
        signal: abort.signal,
      });
      const text = await response.text();
      if (response.status === 404 && text.startsWith("404 page"))
        throw protocolFault(payloadType, `comes from a server without /api`);
      return text;
    } catch (error) {
      if (abort.signal.aborted) throw abort.signal.reason;
      throw isFault(error) ? error : unreachable(this.endpoint, error);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", cancel);
    }
  }
}

function isFault(error: unknown): boolean {
  return error instanceof Error && error.name === "CpmError";
}
