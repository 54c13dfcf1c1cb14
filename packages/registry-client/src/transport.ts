import type { CancelSignal, Clock } from "@cpm/base";
import { collectBytes, isCpmError, printable } from "@cpm/base";
import { assertAllowedUrl, isLoopback } from "./allowed-url.ts";
import { Authorizer } from "./authorizer.ts";
import { registryError, protocolError } from "./errors.ts";
import { defaultLimits, systemClock } from "./options.ts";
import type { Fetch, RegistryClientLimits, RegistryClientOptions } from "./options.ts";

export interface RegistryRequest {
  readonly method: string;
  /** A path of the registry, or a whole URL that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Token scopes that the request needs. */
  readonly scopes: readonly string[];
  /** Shows who asks also where the registry would answer anybody, but less. Default false. */
  readonly identify?: boolean;
  /** Default: the limit for all answers. */
  readonly responseTimeoutMs?: number;
  /** Whether the request may be sent again after a failure. Default true. */
  readonly repeatable?: boolean;
  readonly signal?: CancelSignal | undefined;
}

/** An answer with its whole body. */
export interface ReceivedAnswer {
  readonly response: Response;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const repeatedStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;
const maxTokenBytes = 1024 * 1024;
const slowestBytesPerMs = 16;

/** HTTP to one registry: authorization, redirects, repetition with back-off, and time limits on silence. */
export class Transport {
  readonly origin: URL;
  readonly limits: RegistryClientLimits;
  readonly clock: Clock;
  readonly #fetch: Fetch;
  readonly #authorizer: Authorizer;
  readonly #userAgent: string;
  readonly #onWarning: ((text: string) => void) | undefined;

  constructor(options: RegistryClientOptions) {
    this.origin = originOf(options.registry, options.plainHttp);
    this.limits = { ...defaultLimits, ...options.limits };
    this.clock = options.clock ?? systemClock;
    this.#fetch = options.fetch ?? fetch;
    this.#userAgent = options.userAgent;
    this.#onWarning = options.onWarning;
    this.#authorizer = new Authorizer(this.origin, options.credentials, this.clock, (url, init) =>
      this.#repeated(
        {},
        () => this.#once(url, init, this.limits.responseTimeoutMs),
        (response) => this.#receive(response, maxTokenBytes),
      ),
    );
  }

  /** True once a credential was found for this registry, so that a refusal is one of the person. */
  get identified(): boolean {
    return this.#authorizer.identified;
  }

  /** The answer, whatever its status, after redirects and repetitions. Throws `registry/unreachable`. */
  async send(request: RegistryRequest): Promise<Response> {
    return this.#repeated(
      request,
      () => this.#authorized(request),
      async (response) => response,
    );
  }

  /** As `send`, with the whole body: one that breaks off is asked for again. Throws `registry/too-large` as well. */
  async receive(request: RegistryRequest, limitBytes: number): Promise<ReceivedAnswer> {
    return this.#repeated(
      request,
      () => this.#authorized(request),
      (response) => this.#receive(response, limitBytes, request.signal),
    );
  }

  /** Waits before the attempt after `attempt`: doubling, with jitter, or what the server asked for. */
  async pause(attempt: number, retryAfter?: string | null, signal?: CancelSignal): Promise<void> {
    const { backoffMs, maxBackoffMs } = this.limits;
    const asked = parseRetryAfter(retryAfter ?? undefined, this.clock.now());
    const own = backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    await this.clock.sleep(Math.min(asked ?? own, maxBackoffMs), signal);
  }

  /** The bytes of an answer. Throws `registry/unreachable` when the connection breaks or falls silent. */
  async *body(response: Response, signal?: CancelSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#within(reader.read(), this.limits.idleTimeoutMs, signal);
        if (done) return;
        yield value;
      }
    } finally {
      // A reader that failed cannot be cancelled again; the failure itself is already on its way to the caller.
      void reader.cancel().catch(() => undefined);
    }
  }

  async #repeated<T>(
    { repeatable = true, signal }: Pick<RegistryRequest, "repeatable" | "signal">,
    ask: () => Promise<Response>,
    use: (response: Response) => Promise<T>,
  ): Promise<T> {
    const attempts = repeatable ? this.limits.attempts : 1;
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      let retryAfter: string | null = null;
      try {
        const response = await ask();
        if (!repeatedStatuses.has(response.status) || attempt >= attempts) return await use(response);
        retryAfter = response.headers.get("retry-after");
        await drop(response);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isConnectionError(error) || attempt >= attempts) throw error;
      }
      await this.pause(attempt, retryAfter, signal);
    }
  }

  async #receive(response: Response, limitBytes: number, signal?: CancelSignal): Promise<ReceivedAnswer> {
    try {
      return { response, bytes: await collectBytes(this.body(response, signal), limitBytes) };
    } catch (cause) {
      if (!isCpmError(cause, "bytes/too-large")) throw cause;
      const message = `${this.origin.host} sends more than the ${limitBytes} bytes that are allowed here`;
      throw registryError("registry/too-large", message, { cause, context: { limitBytes } });
    }
  }

  async #authorized(request: RegistryRequest): Promise<Response> {
    if (request.identify === true) await this.#learnChallenge(request);
    const used = await this.#authorizer.header(request.scopes, request.signal);
    const { response, own } = await this.#redirected(request, used);
    // Only the registry itself may ask for a credential of the registry.
    if (response.status !== 401 || !own) return response;
    const header = await this.#authorizer.answer(response, request.scopes, used, request.signal);
    if (header === undefined) return response;
    await drop(response);
    return (await this.#redirected(request, header)).response;
  }

  /** A registry says how it wants to be shown a credential only where it needs one: `/v2/` is such a place. */
  async #learnChallenge({ scopes, signal }: RegistryRequest): Promise<void> {
    if (!(await this.#authorizer.isCurious(scopes))) return;
    const { response, own } = await this.#redirected({ method: "GET", target: "/v2/", scopes, signal }, undefined);
    await drop(response);
    if (own) await this.#authorizer.answer(response, scopes, undefined, signal);
  }

  /** `own` says that the answer is the registry's, not that of a host to which it redirected. */
  async #redirected(
    request: RegistryRequest,
    authorization: string | undefined,
  ): Promise<{ readonly response: Response; readonly own: boolean }> {
    let url = new URL(request.target, this.origin);
    let { method, body } = request;
    for (let count = 0; ; count++) {
      assertAllowedUrl(url, this.origin);
      const own = url.origin === this.origin.origin;
      const headers: Record<string, string> = { "accept-encoding": "identity", ...request.headers };
      if (authorization !== undefined && own) headers["authorization"] = authorization;
      const response = await this.#once(
        url,
        { method, headers, ...(body === undefined ? {} : { body }) },
        (request.responseTimeoutMs ?? this.limits.responseTimeoutMs) + (body?.length ?? 0) / slowestBytesPerMs,
        request.signal,
      );
      this.#surfaceWarnings(response);
      const location = response.headers.get("location");
      if (!redirectStatuses.has(response.status) || location === null) return { response, own };
      await drop(response);
      if (count >= maxRedirects) throw protocolError(`more than ${maxRedirects} redirects from ${this.origin.host}`);
      const next = URL.parse(location, url);
      if (next === null) throw protocolError(`a redirect to nowhere: ${printable(location)}`);
      if (url.protocol === "https:" && next.protocol === "http:")
        throw protocolError(`${url.host} redirects from https to http`);
      url = next;
      if (response.status === 303 && method !== "HEAD") [method, body] = ["GET", undefined];
    }
  }

  async #once(url: URL, init: RequestInit, timeoutMs: number, signal?: CancelSignal): Promise<Response> {
    const abort = new AbortController();
    const headers = { "user-agent": this.#userAgent, ...(init.headers as Record<string, string> | undefined) };
    // Whoever waits for the answer stops at the signal; the transfer itself has to be told as well.
    const stop = (): void => abort.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const answer = this.#fetch(url.href, { ...init, headers, redirect: "manual", signal: abort.signal });
      return await this.#within(answer, timeoutMs, signal);
    } catch (error) {
      abort.abort();
      signal?.throwIfAborted();
      throw unreachable(url.host, error);
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** The promise's value, or `registry/unreachable` after so much silence, or the signal's reason. */
  async #within<T>(promise: Promise<T>, timeoutMs: number, signal?: CancelSignal): Promise<T> {
    // A signal that was aborted before calls no listener; and what nobody waits for then may fail unseen.
    promise.catch(() => undefined);
    signal?.throwIfAborted();
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`nothing for ${timeoutMs} ms`)), timeoutMs);
    const stop = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([promise, stopped]);
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(this.origin.host, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  #surfaceWarnings(response: Response): void {
    const value = response.headers.get("warning");
    if (value === null || this.#onWarning === undefined) return;
    for (const match of value.slice(0, 4096).matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)) {
      this.#onWarning(printable((match[1] ?? "").replace(/\\(.)/g, "$1"), 1000));
    }
  }
}

/** Ends an answer that nobody needs, so that its connection can serve again or is closed. */
export async function drop(response: Response): Promise<void> {
  // Whether it broke off meanwhile is of no interest any more.
  await response.body?.cancel().catch(() => undefined);
}

/** True for a failure of the connection rather than an answer of the registry. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "registry/unreachable";
}

function unreachable(host: string, cause: unknown): Error {
  if (isConnectionError(cause)) return cause as Error;
  const why = cause instanceof Error ? cause.message : String(cause);
  return registryError("registry/unreachable", `${host} cannot be reached: ${printable(why)}`, {
    cause,
    context: { registry: host },
  });
}

/** The host of docker's own registry is not the one that its references name. */
const hostsByName: Readonly<Record<string, string>> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io",
};

function originOf(registry: string, plainHttp: boolean | undefined): URL {
  const host = hostsByName[registry] ?? registry;
  const url = URL.parse(`https://${host}`);
  if (url === null || url.pathname !== "/" || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw registryError(
      "registry/refused",
      `"${printable(registry)}" is not a registry: host or host:port is expected`,
    );
  }
  return new URL(`${(plainHttp ?? isLoopback(url.hostname)) ? "http" : "https"}://${host}`);
}

function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
