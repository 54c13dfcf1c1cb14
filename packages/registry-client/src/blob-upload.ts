import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { concatBytes, createDigest, digestAlgorithm } from "@cpm/base";
import type { CancelSignal } from "@cpm/base";
import { contentTooLong, contentTooShort, digestMismatch, parseUploadRange } from "@cpm/oci";
import type { Descriptor, Ingest } from "@cpm/oci";
import { refusal } from "./answers.ts";
import { protocolError } from "./errors.ts";
import { drop, isConnectionError } from "./transport.ts";
import type { Transport } from "./transport.ts";

export interface UploadTarget {
  readonly transport: Transport;
  readonly repository: string;
  readonly scopes: readonly string[];
  readonly signal: CancelSignal | undefined;
}

/** An upload that was begun: what it takes to go on with it in this process. */
export interface UploadState {
  readonly hash: Hash;
  receivedBytes: number;
  /** Bytes that the registry has confirmed. */
  sentBytes: number;
  pending: Uint8Array[];
  location: URL | undefined;
  chunkBytes: number;
  /** The registry no longer has what it confirmed, and what was sent is not held here: only a new upload helps. */
  lost: boolean;
}

export function createUploadState(content: Descriptor, chunkBytes: number): UploadState {
  const hash = createHash(digestAlgorithm(content.digest));
  return { hash, receivedBytes: 0, sentBytes: 0, pending: [], location: undefined, chunkBytes, lost: false };
}

/** Answers after which the registry may have a part of what was sent, all of it, or nothing any more. */
function isRecoverable(status: number): boolean {
  return status === 404 || status === 408 || status === 416 || status === 429 || status >= 500;
}

/** Told when an upload ends, with the state to keep where it can go on. */
export type UploadEnded = (kept: UploadState | undefined) => void;

/**
 * Pushes one blob: in one request where it fits into a chunk, otherwise chunk by chunk (distribution-spec v1.1,
 * "Pushing blobs"). At most one chunk is held in memory, so that each request can be sent again after a failure.
 */
export class UploadIngest implements Ingest {
  readonly offsetBytes: number;
  readonly #target: UploadTarget;
  readonly #content: Descriptor;
  readonly #state: UploadState;
  readonly #ended: UploadEnded;

  constructor(target: UploadTarget, content: Descriptor, state: UploadState, ended: UploadEnded) {
    this.#target = target;
    this.#content = content;
    this.#state = state;
    this.#ended = ended;
    this.offsetBytes = state.receivedBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const state = this.#state;
    const { digest, sizeBytes } = this.#content;
    if (state.receivedBytes + chunk.length > sizeBytes) throw contentTooLong(digest, sizeBytes);
    let rest = chunk;
    while (rest.length > 0) {
      const room = Math.max(0, state.chunkBytes - pendingBytes(state));
      const part = rest.slice(0, room);
      if (part.length > 0) {
        state.pending.push(part);
        state.hash.update(part);
        state.receivedBytes += part.length;
        rest = rest.subarray(part.length);
      }
      // The last chunk is left for the closing PUT.
      const more = state.receivedBytes < sizeBytes;
      // oxlint-disable-next-line no-await-in-loop -- chunks are sent in order
      if (more && pendingBytes(state) >= state.chunkBytes) await this.#flush();
    }
  }

  async commit(): Promise<void> {
    const state = this.#state;
    const { digest, sizeBytes } = this.#content;
    if (state.receivedBytes < sizeBytes) {
      this.#ended(state);
      throw contentTooShort(digest, sizeBytes, state.receivedBytes);
    }
    const actual = createDigest(digestAlgorithm(digest), state.hash.copy().digest("hex"));
    if (actual !== digest) {
      await this.discard();
      throw digestMismatch(digest, actual);
    }
    try {
      await this.#finish();
    } catch (error) {
      this.#ended(isConnectionError(error) && !state.lost ? state : undefined);
      throw error;
    }
    this.#ended(undefined);
  }

  async suspend(): Promise<void> {
    this.#ended(this.#state.lost ? undefined : this.#state);
  }

  async discard(): Promise<void> {
    const { location } = this.#state;
    try {
      if (location !== undefined) await drop(await this.#send("DELETE", location));
    } catch (error) {
      // The registry clears abandoned uploads itself; only an abort is the caller's business.
      if (!isConnectionError(error)) throw error;
    } finally {
      this.#ended(undefined);
    }
  }

  /** Sends what is pending as one chunk and waits until the registry has all of it. */
  async #flush(): Promise<void> {
    const state = this.#state;
    for (let attempt = 1; state.pending.length > 0; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- a repetition depends on how the last attempt ended
      state.location ??= await this.#begin();
      // Only now is it known how large the registry wants a chunk to be; a part of one that arrived before is none.
      if (attempt === 1 && pendingBytes(state) < state.chunkBytes) return;
      // oxlint-disable-next-line no-await-in-loop
      const answer = await this.#attempt("PATCH", state.location, attempt);
      if (answer?.status === 202) {
        state.location = locationOf(answer, state.location);
        this.#confirm(state.receivedBytes);
        return;
      }
      // oxlint-disable-next-line no-await-in-loop
      await this.#pause(attempt, answer);
      // oxlint-disable-next-line no-await-in-loop
      await this.#recover();
    }
  }

  async #finish(): Promise<void> {
    const state = this.#state;
    for (let attempt = 1; ; attempt++) {
      // oxlint-disable-next-line no-await-in-loop -- a repetition depends on how the last attempt ended
      state.location ??= await this.#begin();
      const url = new URL(state.location);
      url.searchParams.set("digest", this.#content.digest);
      // oxlint-disable-next-line no-await-in-loop
      const answer = await this.#attempt("PUT", url, attempt);
      if (answer?.ok === true) return;
      // oxlint-disable-next-line no-await-in-loop
      await this.#pause(attempt, answer);
      // oxlint-disable-next-line no-await-in-loop -- a whole blob has no upload any more to ask about
      if (await this.#present()) return;
      // oxlint-disable-next-line no-await-in-loop
      await this.#recover();
    }
  }

  /** Sends all that is pending. The answer, also one that can be recovered from; undefined when the connection failed. */
  async #attempt(method: string, target: URL, attempt: number): Promise<Response | undefined> {
    const { transport } = this.#target;
    const { pending, sentBytes } = this.#state;
    const body = concatBytes(pending);
    const headers = {
      "content-type": "application/octet-stream",
      ...(body.length === 0 || (method === "PUT" && sentBytes === 0)
        ? {}
        : { "content-range": `${sentBytes}-${sentBytes + body.length - 1}` }),
    };
    try {
      const response = await this.#send(method, target, body, headers, false);
      if (response.ok) {
        await drop(response);
        return response;
      }
      const error = await refusal(transport, response, `push ${this.#content.digest}`);
      if (!isRecoverable(response.status) || attempt >= transport.limits.attempts) throw error;
      return response;
    } catch (error) {
      if (!isConnectionError(error) || attempt >= transport.limits.attempts) throw error;
      return undefined;
    }
  }

  #pause(attempt: number, answer: Response | undefined): Promise<void> {
    return this.#target.transport.pause(attempt, answer?.headers.get("retry-after"), this.#target.signal);
  }

  /** Asks how much of the upload has arrived and drops that from what is pending. */
  async #recover(): Promise<void> {
    const state = this.#state;
    if (state.location === undefined) return;
    const response = await this.#send("GET", state.location);
    if (response.status !== 204 && response.status !== 200) {
      const error = await refusal(this.#target.transport, response, `continue the push of ${this.#content.digest}`);
      state.location = undefined;
      if (response.status === 404 && state.sentBytes === 0) return;
      state.lost = true;
      throw error;
    }
    state.location = locationOf(response, state.location, false);
    const range = parseUploadRange(response.headers.get("range") ?? "");
    await drop(response);
    if (state.sentBytes === 0 && (range === undefined || range.end === 0)) {
      // `0-0` says one byte or none, and nothing tells which: a new upload is certain to have none.
      state.location = undefined;
      return;
    }
    const held = range === undefined ? 0 : range.end + 1;
    if (held < state.sentBytes || held > state.receivedBytes) {
      state.lost = true;
      throw protocolError(`the registry has ${held} bytes of an upload where ${state.sentBytes} were confirmed`);
    }
    this.#confirm(held);
  }

  #confirm(heldBytes: number): void {
    const state = this.#state;
    const rest = concatBytes(state.pending).subarray(heldBytes - state.sentBytes);
    state.pending = rest.length === 0 ? [] : [rest];
    state.sentBytes = heldBytes;
  }

  async #present(): Promise<boolean> {
    const { repository, transport } = this.#target;
    const target = new URL(`/v2/${repository}/blobs/${this.#content.digest}`, transport.origin);
    const response = await this.#send("HEAD", target);
    await drop(response);
    return response.status === 200;
  }

  async #begin(): Promise<URL> {
    const { repository, transport } = this.#target;
    const start = new URL(`/v2/${repository}/blobs/uploads/`, transport.origin);
    const response = await this.#send("POST", start);
    if (response.status !== 202) throw await refusal(transport, response, `begin the push of ${this.#content.digest}`);
    const least = Number(response.headers.get("oci-chunk-min-length") ?? "0");
    if (Number.isSafeInteger(least) && least > this.#state.chunkBytes) this.#state.chunkBytes = least;
    await drop(response);
    return locationOf(response, start);
  }

  #send(
    method: string,
    target: URL,
    body?: Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    repeatable = true,
  ): Promise<Response> {
    const { transport, scopes, signal } = this.#target;
    const content = body === undefined ? {} : { body };
    return transport.send({ method, target, headers, ...content, scopes, repeatable, signal });
  }
}

function pendingBytes(state: UploadState): number {
  return state.receivedBytes - state.sentBytes;
}

/** `Location` may be relative to the request (RFC 9110 §10.2.2). */
function locationOf(response: Response, request: URL, required = true): URL {
  const value = response.headers.get("location");
  if (value === null && !required) return request;
  const location = value === null ? null : URL.parse(value, request);
  if (location === null) throw protocolError(`the answer ${response.status} to an upload has no usable Location`);
  return location;
}
