/** So many at a time, by default one, in the order in which they came. */
export class Turns {
  #free: number;
  /** In the order of their coming: a set keeps it, and lets go of one in the middle. */
  readonly #waiting = new Set<() => void>();

  constructor(places = 1) {
    this.#free = places;
  }

  /** Resolves when it is one's turn, with true; with false when it was not within the time. `pass` ends a turn. */
  async take(timeoutMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    return new Promise((resolve) => {
      const called = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(called);
        resolve(false);
      }, timeoutMs);
      this.#waiting.add(called);
    });
  }

  pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
