import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { concatBytes, createDigest, digestAlgorithm } from "@cpm/base";
import type { CancelSignal } from "@cpm/base";
import { contentTooLong, contentTooShort, digestMismatch, parseUploadRange } from "@cpm/oci";
import type { Descriptor, Ingest } from "@cpm/oci";
import { drop, refusal } from "./answers.ts";
import { protocolError } from "./errors.ts";
import { isConnectionError } from "./transport.ts";
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
}

export function createUploadState(content: Descriptor, chunkBytes: number): UploadState {
  const hash = createHash(digestAlgorithm(content.digest));
  return { hash, receivedBytes: 0, sentBytes: 0, pending: [], location: undefined, chunkBytes };
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
      this.#ended(isConnectionError(error) ? state : undefined);
      throw error;
    }
    this.#ended(undefined);
  }

  async suspend(): Promise<void> {
    this.#ended(this.#state);
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
    state.location ??= await this.#begin();
    if (pendingBytes(state) < state.chunkBytes) return;
    for (let attempt = 1; state.pending.length > 0; attempt++) {
      const body = concatBytes(state.pending);
      const range = `${state.sentBytes}-${state.sentBytes + body.length - 1}`;
      const headers = { "content-range": range, "content-type": "application/octet-stream" };
      try {
        // oxlint-disable-next-line no-await-in-loop -- a repetition depends on how the last attempt ended
        const response = await this.#send("PATCH", state.location, body, headers, false);
        if (response.status === 202) {
          state.location = locationOf(response, state.location);
          // oxlint-disable-next-line no-await-in-loop
          await drop(response);
          this.#confirm(state.sentBytes + body.length);
          return;
        }
        const recoverable = response.status === 416 || response.status === 429 || response.status >= 500;
        // oxlint-disable-next-line no-await-in-loop
        const error = await refusal(this.#target.transport, response, `push ${this.#content.digest}`);
        if (!recoverable || attempt >= this.#target.transport.limits.attempts) throw error;
      } catch (error) {
        if (!isConnectionError(error) || attempt >= this.#target.transport.limits.attempts) throw error;
      }
      // oxlint-disable-next-line no-await-in-loop
      await this.#target.transport.pause(attempt, undefined, this.#target.signal);
      // oxlint-disable-next-line no-await-in-loop
      await this.#recover(body.length);
    }
  }

  /** Asks how much of the upload has arrived and drops that from what is pending. */
  async #recover(lastBytes: number): Promise<void> {
    const state = this.#state;
    if (state.location === undefined) return;
    const response = await this.#send("GET", state.location);
    if (response.status !== 204 && response.status !== 200) {
      throw await refusal(this.#target.transport, response, `continue the push of ${this.#content.digest}`);
    }
    state.location = locationOf(response, state.location, false);
    const range = parseUploadRange(response.headers.get("range") ?? "");
    await drop(response);
    // `0-0` says one byte or none. One byte alone is never sent, except as the whole of a chunk of that size.
    const held = range === undefined || (range.end === 0 && state.sentBytes === 0) ? 0 : range.end + 1;
    if (held < state.sentBytes || held > state.sentBytes + lastBytes) {
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

  async #finish(): Promise<void> {
    const state = this.#state;
    const { transport } = this.#target;
    for (let attempt = 1; ; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- a repetition depends on how the last attempt ended
        state.location ??= await this.#begin();
        const url = new URL(state.location);
        url.searchParams.set("digest", this.#content.digest);
        const body = concatBytes(state.pending);
        const range = state.sentBytes > 0 ? `${state.sentBytes}-${state.sentBytes + body.length - 1}` : undefined;
        const headers = {
          "content-type": "application/octet-stream",
          ...(range === undefined || body.length === 0 ? {} : { "content-range": range }),
        };
        // oxlint-disable-next-line no-await-in-loop
        const response = await this.#send("PUT", url, body, headers, false);
        // oxlint-disable-next-line no-await-in-loop
        if (response.status === 201 || response.status === 204) return await drop(response);
        // oxlint-disable-next-line no-await-in-loop
        const error = await refusal(transport, response, `push ${this.#content.digest}`);
        if ((response.status < 500 && response.status !== 416) || attempt >= transport.limits.attempts) throw error;
      } catch (error) {
        if (!isConnectionError(error) || attempt >= transport.limits.attempts) throw error;
      }
      // oxlint-disable-next-line no-await-in-loop
      await transport.pause(attempt, undefined, this.#target.signal);
      // oxlint-disable-next-line no-await-in-loop
      if (await this.#present()) return;
      if (state.sentBytes === 0) state.location = undefined;
      // oxlint-disable-next-line no-await-in-loop
      else await this.#recover(pendingBytes(state));
    }
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
