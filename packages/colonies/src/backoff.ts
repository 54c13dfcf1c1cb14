import type { CancelSignal } from "@cpm/base";

const firstMs = 500;
const lastMs = 30_000;

/** Growing pauses between tries, spread by chance: the many that lost one server do not come back as one. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** How long to wait after one more failure: between half a second and thirty. */
  nextMs(): number {
    const limitMs = Math.min(lastMs, firstMs * 2 ** Math.min(this.#failures++, 16));
    return Math.round(limitMs * (0.5 + this.#random() / 2));
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** Resolves after `durationMs`, or as soon as the signal is aborted. */
export async function pause(durationMs: number, signal: CancelSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, durationMs);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
