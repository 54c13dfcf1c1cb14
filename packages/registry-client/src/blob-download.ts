import type { CancelSignal, Clock } from "@cpm/base";
import { contentNotFound, contentTooLong, contentTooShort, isManifestType, parseContentRange } from "@cpm/oci";
import type { Descriptor, ReadOptions } from "@cpm/oci";
import { acceptedManifestTypes } from "@cpm/oci";
import { refusal } from "./answers.ts";
import { protocolError } from "./errors.ts";
import { drop, isConnectionError } from "./transport.ts";
import type { Transport } from "./transport.ts";

/** Where content is fetched from: one repository of one registry. */
export interface DownloadSource {
  readonly transport: Transport;
  readonly repository: string;
  readonly scopes: readonly string[];
}

interface Span {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Less than this between two failures is no progress: a server cannot keep a client busy byte by byte. */
const progressBytes = 64 * 1024;

/**
 * The bytes of a blob or manifest. A dropped connection is continued with `Range` where the server can, and by
 * skipping what was delivered where it cannot. Large content comes in parts at once, delivered in order.
 */
export async function* download(
  source: DownloadSource,
  content: Descriptor,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const { limits } = source.transport;
  const start = Math.min(options.offsetBytes ?? 0, content.sizeBytes);
  const end = Math.min(start + (options.lengthBytes ?? content.sizeBytes), content.sizeBytes);
  const span = { start, end };
  if (start === end && content.sizeBytes > 0) {
    // Nothing is wanted, but whether the content is there is told all the same.
    await drop(await open(source, content, { start: 0, end: 1 }, undefined, options.signal));
    return;
  }
  if (end - start < limits.parallelFromBytes || isManifestType(content.mediaType)) {
    yield* sequential(source, content, span, options.signal);
    return;
  }
  const probe = { start, end: start + limits.partBytes };
  const first = await open(source, content, probe, undefined, options.signal);
  if (first.status === 206) {
    const wait = { durationMs: 0 };
    yield* timed(sequential(source, content, probe, options.signal, first), source.transport.clock, wait);
    const rest = { start: probe.end, end };
    const fast = limits.partBytes * 1000 >= limits.fastBytesPerSecond * wait.durationMs;
    yield* (fast ? sequential : parallel)(source, content, rest, options.signal);
  } else {
    yield* sequential(source, content, span, options.signal, first);
  }
}

/** Adds up how long the chunks were waited for; what the reader does with them does not count. */
async function* timed(
  chunks: AsyncGenerator<Uint8Array>,
  clock: Clock,
  wait: { durationMs: number },
): AsyncGenerator<Uint8Array> {
  let askedMs = clock.now();
  for await (const chunk of chunks) {
    wait.durationMs += clock.now() - askedMs;
    yield chunk;
    askedMs = clock.now();
  }
}

async function* parallel(
  source: DownloadSource,
  content: Descriptor,
  span: Span,
  signal: CancelSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { parallelParts, partBytes } = source.transport.limits;
  const abort = new AbortController();
  const stop = (): void => abort.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  const running: Promise<Uint8Array[]>[] = [];
  let next = span.start;
  try {
    while (next < span.end || running.length > 0) {
      while (running.length < parallelParts && next < span.end) {
        const part = { start: next, end: Math.min(next + partBytes, span.end) };
        // A part keeps to its span, and stays in the pieces in which it came: to join them would take it twice.
        const chunks = Array.fromAsync(onePart(source, content, part, abort.signal));
        // A part that fails early is reported when its turn comes, not as an unhandled rejection.
        chunks.catch(() => undefined);
        running.push(chunks);
        next = part.end;
      }
      // oxlint-disable-next-line no-await-in-loop -- parts are delivered in order
      yield* (await running.shift()) ?? [];
    }
  } finally {
    abort.abort();
    signal?.removeEventListener("abort", stop);
  }
}

/** A server that has given one range gives all of them: to skip through the whole content for each costs too much. */
async function* onePart(
  source: DownloadSource,
  content: Descriptor,
  part: Span,
  signal: CancelSignal,
): AsyncGenerator<Uint8Array> {
  const response = await open(source, content, part, undefined, signal);
  if (response.status !== 206) {
    await drop(response);
    throw protocolError(`${source.transport.origin.host} stopped giving ranges of ${content.digest}`);
  }
  yield* sequential(source, content, part, signal, response);
}

async function* sequential(
  source: DownloadSource,
  content: Descriptor,
  span: Span,
  signal: CancelSignal | undefined,
  opened?: Response,
): AsyncGenerator<Uint8Array> {
  const { transport } = source;
  let at = span.start;
  let failures = 0;
  let failedAt = at;
  let response = opened ?? (await open(source, content, span, undefined, signal));
  const etag = strongEtag(response);
  for (;;) {
    let failure: unknown;
    try {
      for await (const chunk of bodyFrom(transport, response, content, at, signal)) {
        const wanted = chunk.subarray(0, span.end - at);
        if (wanted.length < chunk.length && span.end === content.sizeBytes) {
          throw contentTooLong(content.digest, content.sizeBytes);
        }
        at += wanted.length;
        if (wanted.length > 0) yield wanted;
        if (at === span.end && span.end < content.sizeBytes) return;
      }
      if (at === span.end) return;
      failure = contentTooShort(content.digest, content.sizeBytes, at);
    } catch (error) {
      if (!isConnectionError(error)) throw error;
      failure = error;
    }
    failures = at - failedAt >= progressBytes ? 1 : failures + 1;
    failedAt = at;
    if (failures >= transport.limits.attempts) throw failure;
    // oxlint-disable-next-line no-await-in-loop -- each attempt continues where the last one stopped
    await transport.pause(failures, undefined, signal);
    // oxlint-disable-next-line no-await-in-loop
    response = await open(source, content, { start: at, end: span.end }, etag, signal);
  }
}

/** The body from position `at` of the content on; a whole answer to a range request is skipped up to there. */
async function* bodyFrom(
  transport: Transport,
  response: Response,
  content: Descriptor,
  at: number,
  signal: CancelSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let skip = response.status === 206 ? 0 : at;
  if (response.status === 206) checkRange(response, content, at);
  for await (const chunk of transport.body(response, signal)) {
    if (skip >= chunk.length) skip -= chunk.length;
    else {
      yield chunk.subarray(skip);
      skip = 0;
    }
  }
}

function checkRange(response: Response, content: Descriptor, at: number): void {
  const value = response.headers.get("content-range") ?? "";
  const range = parseContentRange(value);
  if (range?.start !== at || (range.sizeBytes !== undefined && range.sizeBytes !== content.sizeBytes)) {
    throw protocolError(`the server sent the range "${value}" of ${content.digest} where byte ${at} was asked for`);
  }
}

async function open(
  source: DownloadSource,
  content: Descriptor,
  span: Span,
  etag: string | undefined,
  signal: CancelSignal | undefined,
): Promise<Response> {
  const { transport, repository, scopes } = source;
  const kinds = isManifestType(content.mediaType) ? ["manifests", "blobs"] : ["blobs", "manifests"];
  const partial = span.end > span.start && (span.start > 0 || span.end < content.sizeBytes);
  for (const kind of kinds) {
    const headers = {
      ...(kind === "manifests" ? { accept: [content.mediaType, ...acceptedManifestTypes].join(", ") } : {}),
      ...(partial ? { range: `bytes=${span.start}-${span.end - 1}` } : {}),
      ...(partial && etag !== undefined ? { "if-range": etag } : {}),
    };
    const target = `/v2/${repository}/${kind}/${content.digest}`;
    // oxlint-disable-next-line no-await-in-loop -- the second place is asked only when the first has nothing
    const response = await transport.send({ method: "GET", target, headers, scopes, signal });
    if (response.status === 200 || response.status === 206) return response;
    if (response.status === 416) throw contentTooShort(content.digest, content.sizeBytes, span.start);
    // oxlint-disable-next-line no-await-in-loop
    if (response.status !== 404) throw await refusal(transport, response, `fetch ${content.digest}`, signal);
    // oxlint-disable-next-line no-await-in-loop
    await drop(response);
  }
  throw contentNotFound(`${transport.origin.host}/${repository}`, content.digest);
}

function strongEtag(response: Response): string | undefined {
  const etag = response.headers.get("etag");
  return etag !== null && etag.startsWith('"') ? etag : undefined;
}
