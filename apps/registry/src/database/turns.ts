/** One at a time, in the order in which they came. */
export class Turns {
  #taken = false;
  /** In the order of their coming: a set keeps it, and lets go of one in the middle. */
  readonly #waiting = new Set<() => void>();

  /** Resolves when it is one's turn, with true; with false when it was not within the time. `pass` ends a turn. */
  async take(timeoutMs: number): Promise<boolean> {
    if (!this.#taken) {
      this.#taken = true;
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
      this.#taken = false;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
