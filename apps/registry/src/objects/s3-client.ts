import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { storageFailed } from "../errors.ts";
import { bucketUrl } from "./s3-settings.ts";
import type { S3Settings } from "./s3-settings.ts";
import { xmlText } from "./s3-xml.ts";

/** How the client waits and gives up; what tests make short. */
export interface S3Patience {
  /** For an answer to begin, over the time that the request's body takes. Default 20 s. */
  readonly answerTimeoutMs: number;
  /** Between two pieces of an answer's body. Default 20 s. */
  readonly silenceTimeoutMs: number;
  /** Of the first repetition, doubled for each further one, less up to all of it by chance. Default 200 ms. */
  readonly backOffMs: number;
  /** Default 5. */
  readonly attempts: number;
}

const defaultS3Patience: S3Patience = {
  answerTimeoutMs: 20_000,
  silenceTimeoutMs: 20_000,
  backOffMs: 200,
  attempts: 5,
};

export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Without the prefix; empty for the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  /** Where the store may take longer than for others until it answers. */
  readonly answerTimeoutMs?: number;
  /** Statuses that are an answer and no failure, besides those of success. */
  readonly alsoFine?: readonly number[];
}

const maxBackOffMs = 5000;
/** A body that goes slower counts as stuck. */
const slowestBytesPerMs = 128;
const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
/** Some stores answer these with a status that says nothing of repetition. */
const passingCodes: ReadonlySet<string> = new Set([
  "SlowDown",
  "RequestTimeout",
  "InternalError",
  "ServiceUnavailable",
]);

/**
 * Signed requests to one bucket. Whatever may pass is repeated, a bounded number of times; every wait has an end.
 * The sha256 of every body is signed with it, so that a store notices what was damaged on the way. Throws
 * `registry-server/storage`.
 */
export class S3Client {
  readonly prefix: string;
  readonly bucketName: string;
  readonly patience: S3Patience;
  readonly #signer: AwsClient;
  readonly #bucket: URL;

  constructor(settings: S3Settings, patience: Partial<S3Patience> = {}) {
    const { accessKeyId, secretAccessKey, region } = settings;
    this.#signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
    this.#bucket = bucketUrl(settings);
    this.prefix = settings.prefix;
    this.bucketName = settings.bucket;
    this.patience = { ...defaultS3Patience, ...patience };
  }

  /** The whole answer, as text. */
  async text(
    request: S3Request,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
    return this.#repeat(request, async (response) => {
      const { status, headers } = response;
      return { status, headers, text: await response.text() };
    });
  }

  /** The answer as soon as it begins. Whoever asks reads its body or cancels it. */
  async open(request: S3Request, abort: AbortController): Promise<Response> {
    return this.#repeat(request, async (response) => response, abort);
  }

  /** A URL that is a GET of the object for whoever has it. */
  async presign(key: string, expiryS: number): Promise<string> {
    const url = this.#url(key, { "X-Amz-Expires": String(expiryS) });
    return (await this.#signer.sign(url.href, { method: "GET", aws: { signQuery: true } })).url;
  }

  async #repeat<T>(request: S3Request, take: (response: Response) => Promise<T>, abort?: AbortController): Promise<T> {
    const { attempts, backOffMs } = this.patience;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(request, take, abort);
      } catch (error) {
        if (!(error instanceof PassingFailure)) throw error;
        if (attempt >= attempts || abort?.signal.aborted === true)
          throw storageFailed(`${request.method} ${request.key}: ${error.message}`, error.cause ?? error);
        const limitMs = Math.min(maxBackOffMs, backOffMs * 2 ** (attempt - 1));
        await Bun.sleep(limitMs * Math.random());
      }
    }
  }

  async #once<T>(
    request: S3Request,
    take: (response: Response) => Promise<T>,
    outer: AbortController | undefined,
  ): Promise<T> {
    const { body, method } = request;
    const abort = new AbortController();
    const stop = (): void => abort.abort(outer?.signal.reason);
    outer?.signal.addEventListener("abort", stop, { once: true });
    const sizeBytes = body === undefined ? 0 : Buffer.byteLength(body);
    const timeoutMs = (request.answerTimeoutMs ?? this.patience.answerTimeoutMs) + sizeBytes / slowestBytesPerMs;
    const timer = setTimeout(() => abort.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    let response: Response;
    try {
      const signed = await this.#sign(request);
      response = await fetch(signed.url, {
        method,
        headers: signed.headers,
        ...(body === undefined ? {} : { body }),
        redirect: "manual",
        signal: abort.signal,
        // A blob is what it is: nothing is unpacked on the way.
        decompress: false,
      });
      if (response.ok || request.alsoFine?.includes(response.status) === true) return await take(response);
      throw refusal(response.status, await response.text());
    } catch (error) {
      throw isOurs(error) ? error : new PassingFailure(messageOf(abort.signal.reason ?? error), { cause: error });
    } finally {
      clearTimeout(timer);
      // An answer that was handed on is still being read.
      if (outer === undefined) abort.abort();
    }
  }

  async #sign({ method, key, query = {}, headers = {}, body }: S3Request): Promise<Request> {
    const sha256 = createHash("sha256")
      .update(body ?? "")
      .digest("hex");
    return this.#signer.sign(this.#url(key, query).href, {
      method,
      headers: { ...headers, "accept-encoding": "identity", "x-amz-content-sha256": sha256 },
    });
  }

  #url(key: string, query: Readonly<Record<string, string>>): URL {
    const url = new URL(key === "" ? "" : `${this.prefix}${key}`, this.#bucket);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }
}

/** Worth another attempt. */
class PassingFailure extends Error {
  override readonly name = "PassingFailure";
}

function refusal(status: number, text: string): Error {
  const code = xmlText(text, "Code") ?? "";
  const message = `S3 answered ${status} ${code} ${(xmlText(text, "Message") ?? "").slice(0, 200)}`.trimEnd();
  return passing.has(status) || passingCodes.has(code) ? new PassingFailure(message) : storageFailed(message);
}

function isOurs(error: unknown): boolean {
  return error instanceof PassingFailure || (error instanceof Error && error.name === "CpmError");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
