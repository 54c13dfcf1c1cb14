import type { ScrubClock } from "./scrub-clock.ts";

/** Below this a pause is not worth taking: it is saved up until it is. */
const shortestPauseMs = 5;
/** After so much without a pause others get their turn: to hash what is on the disk waits for nothing. */
const turnBytes = 4 * 1024 * 1024;

/** Holds what is read to so many bytes a second, at any time: what was not used before gives no right to more. */
export class ByteRate {
  readonly #bytesPerSecond: number;
  readonly #clock: ScrubClock;
  #freeAtMs = 0;
  #sincePauseBytes = 0;

  constructor(bytesPerSecond: number, clock: ScrubClock) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /** Resolves when so many bytes are paid for. Rejects with the signal's reason when it is aborted first. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const nowMs = this.#clock.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes / this.#bytesPerSecond) * 1000;
    this.#sincePauseBytes += bytes;
    const pauseMs = this.#freeAtMs - nowMs;
    if (pauseMs < shortestPauseMs && this.#sincePauseBytes < turnBytes) return;
    this.#sincePauseBytes = 0;
    await this.#clock.sleep(pauseMs, signal);
  }
}
