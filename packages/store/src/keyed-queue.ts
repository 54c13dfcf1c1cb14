/** One at a time for each key, in the order of asking. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves to the function that lets the next one in. It may be called more than once. */
  async enter(key: string): Promise<() => void> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    await before;
    return () => {
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
      resolve();
    };
  }
}
