import type { Clock, Digest } from "@cpm/base";
import { mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import type { RegistryClient, RegistryClientOptions } from "@cpm/registry-client";
import { digestOf } from "@cpm/store";

/** Never waits; remembers how long it was asked to. */
export interface ImpatientClock extends Clock {
  readonly sleeps: number[];
  /** Moves the time on. */
  advance(durationMs: number): void;
}

export function impatientClock(): ImpatientClock {
  const sleeps: number[] = [];
  let nowMs = Date.parse("2026-01-01T00:00:00Z");
  return {
    sleeps,
    now: () => nowMs,
    advance: (durationMs) => void (nowMs += durationMs),
    async sleep(durationMs, signal) {
      signal?.throwIfAborted();
      sleeps.push(durationMs);
      // The other side gets its turn, as it would in a real pause.
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

export function clientOf(registry: string, options: Partial<RegistryClientOptions> = {}): RegistryClient {
  return createRegistryClient({
    registry,
    credentials: anonymous,
    userAgent: "cpm-test",
    clock: impatientClock(),
    ...options,
  });
}

/** Bytes that no part of them resembles another. */
export function someBytes(sizeBytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function blobOf(bytes: Uint8Array): Descriptor & { readonly digest: Digest } {
  return { mediaType: mediaTypes.octetStream, digest: digestOf(bytes), sizeBytes: bytes.length };
}

/** The code of one of our errors; anything else that is thrown is thrown on. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && error.name === "CpmError" && "code" in error) return String(error.code);
    throw error;
  }
  return "nothing was thrown";
}
