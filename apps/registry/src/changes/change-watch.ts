import { registryError } from "../errors.ts";

export interface ChangeWatchParts {
  /** Whether there is something after a place, whoever wrote it. */
  readonly hasMore: (place: number) => Promise<boolean>;
  readonly maxWaiting: number;
  readonly maxWaitingOfAddress: number;
  readonly onFailure: (error: unknown) => void;
}

/** A request that waits for something after a place. */
export interface Wait {
  readonly place: number;
  /** As it was before the database was read. */
  readonly turn: number;
  readonly waitMs: number;
  /** Where the request comes from. */
  readonly address: string;
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly place: number;
  readonly address: string;
  readonly wake: () => void;
}

/** How soon what another process wrote is noticed. */
const pollMs = 1000;
const busyRetryS = 5;

/**
 * Requests that wait for a change. One that this process writes wakes them at once; for what others write the database
 * is asked once a second, one question for all who wait, and none while nobody does.
 */
export class ChangeWatch {
  readonly #parts: ChangeWatchParts;
  readonly #waiting = new Set<Waiting>();
  #poll: ReturnType<typeof setInterval> | undefined;
  #turn = 0;
  #ended = false;

  constructor(parts: ChangeWatchParts) {
    this.#parts = parts;
  }

  /** One more with every change of this process: see `Wait`. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether waiting is of no use any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Resolves when there may be something after the place, after the time, or when the signal is aborted. Throws
   * `registry-server/too-many-waiting`.
   */
  async wait({ place, turn, waitMs, address, signal }: Wait): Promise<void> {
    if (this.#ended || signal.aborted || turn !== this.#turn) return;
    this.#assertRoom(address);
    await new Promise<void>((resolve) => {
      const waiting: Waiting = {
        place,
        address,
        wake: () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", waiting.wake);
          this.#leave(waiting);
          resolve();
        },
      };
      const timer = setTimeout(waiting.wake, waitMs);
      signal.addEventListener("abort", waiting.wake);
      this.#waiting.add(waiting);
      this.#poll ??= setInterval(() => void this.#look(), pollMs);
    });
  }

  /** This process has written a change. */
  wake(): void {
    this.#turn++;
    for (const { wake } of this.#waiting) wake();
  }

  /** Nobody waits any more, and nobody will. */
  end(): void {
    this.#ended = true;
    this.wake();
  }

  /** One address cannot keep all others from waiting. */
  #assertRoom(address: string): void {
    const ofAddress = [...this.#waiting].filter((one) => one.address === address).length;
    if (this.#waiting.size < this.#parts.maxWaiting && ofAddress < this.#parts.maxWaitingOfAddress) return;
    const message = `${this.#waiting.size} requests wait for changes, ${ofAddress} of them from ${address}`;
    throw registryError("registry-server/too-many-waiting", message, { retryAfterS: busyRetryS });
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** Whoever is the furthest behind would be woken by less than the others. */
  async #look(): Promise<void> {
    const places = [...this.#waiting].map(({ place }) => place);
    try {
      if (places.length > 0 && (await this.#parts.hasMore(Math.min(...places)))) this.wake();
    } catch (error) {
      this.#parts.onFailure(error);
    }
  }
}
