/** Lets one caller at a time in for each key, in the order of arrival. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves with the function that lets the next one in; calling it twice does nothing more. */
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
