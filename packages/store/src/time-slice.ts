/** So long others wait at most for work that is done piece by piece. */
const sliceMs = 2;

/**
 * Keeps long work from keeping others waiting, in a process that serves: after each piece, whoever is over time waits
 * until the others had their turn.
 */
export class TimeSlice {
  #beganAtMs = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#beganAtMs >= sliceMs;
  }

  /** Resolves when what waited has run. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#beganAtMs = performance.now();
  }
}
