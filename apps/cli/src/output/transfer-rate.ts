const windowMs = 3000;
const leastMs = 300;

/** How fast something goes lately: over the last three seconds, so that a stall shows and a resumed part does not count. */
export class TransferRate {
  readonly #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];

  add(atMs: number, doneBytes: number): void {
    this.#samples.push({ atMs, doneBytes });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - windowMs) this.#samples.shift();
  }

  /** Undefined before there is enough to tell. */
  bytesPerSecond(nowMs: number): number | undefined {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || nowMs - first.atMs < leastMs) return undefined;
    return Math.max(0, ((last.doneBytes - first.doneBytes) * 1000) / (nowMs - first.atMs));
  }
}
