import type { CancelSignal, Clock } from "@cpm/base";
import type { CredentialSource } from "./credentials.ts";

/** The part of `fetch` that is used, so that a test or a proxy can stand in for it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RegistryClientOptions {
  /** `host` or `host:port`. */
  readonly registry: string;
  /** Default: plain http for localhost and loopback addresses, https for every other host. */
  readonly plainHttp?: boolean;
  readonly credentials: CredentialSource;
  /** Sent with every request. */
  readonly userAgent: string;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  readonly limits?: Partial<RegistryClientLimits>;
  /** Called with the text of every `Warning: 299` header (distribution-spec v1.1, "Warnings"). For display only. */
  readonly onWarning?: (text: string) => void;
}

export interface RegistryClientLimits {
  /** How often a request that may be repeated is sent in all. Default 5. */
  readonly attempts: number;
  /** The first pause before a repetition; it doubles each time. Default 250 ms. */
  readonly backoffMs: number;
  /** The longest pause, also when `Retry-After` asks for more. Default 30 s. */
  readonly maxBackoffMs: number;
  /** Until an answer begins, plus the time that the body takes at 16 kB/s. Default 30 s. */
  readonly responseTimeoutMs: number;
  /** Until a manifest is accepted: a registry reads the whole package before. Default 15 min. */
  readonly publishTimeoutMs: number;
  /** The longest silence within an answer. Default 30 s. */
  readonly idleTimeoutMs: number;
  /** Size of one upload request; no more of a blob is held in memory. Default 8 MiB. */
  readonly chunkBytes: number;
  /** From this size on a blob is fetched in parts at once. Default 64 MiB. */
  readonly parallelFromBytes: number;
  /** Parts in flight; memory is bounded by this many parts. Default 4. */
  readonly parallelParts: number;
  /** Size of one part. Default 4 MiB. */
  readonly partBytes: number;
  /** A connection that brings the first part at least so fast goes on alone: parts would only cost memory. Default 16 MB. */
  readonly fastBytesPerSecond: number;
  /** A list, such as of tags, with all its pages. Default 256 MiB. */
  readonly listBytes: number;
}

export const defaultLimits: RegistryClientLimits = {
  attempts: 5,
  backoffMs: 250,
  maxBackoffMs: 30_000,
  responseTimeoutMs: 30_000,
  publishTimeoutMs: 15 * 60_000,
  idleTimeoutMs: 30_000,
  chunkBytes: 8 * 1024 * 1024,
  parallelFromBytes: 64 * 1024 * 1024,
  parallelParts: 4,
  partBytes: 4 * 1024 * 1024,
  fastBytesPerSecond: 16_000_000,
  listBytes: 256 * 1024 * 1024,
};

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (durationMs, signal) => sleep(durationMs, signal),
};

function sleep(durationMs: number, signal?: CancelSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const timer = setTimeout(done, durationMs);
    function done(): void {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}
