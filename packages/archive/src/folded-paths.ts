const firstSlots = 256;
/** A power of two, beyond the length of any path that is allowed. */
const keyCount = 8192;
const wordsPerSlot = 2;

/**
 * Where the paths lie that are known by a key, in a table of numbers. Keys are not kept: who asks compares the path at
 * each place whose key has the same hash, which is seldom more than the one.
 *
 * The hash is multilinear (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): for numbers that nobody
 * can foretell, no choice of keys makes the table slow. The answers do not depend on them.
 */
export class FoldedPaths {
  readonly #first: Uint32Array;
  readonly #second: Uint32Array;
  /** The hash and one more than the place, or two zeros. Never more than half full. */
  #slots = new Uint32Array(firstSlots * wordsPerSlot);
  #size = 0;

  constructor(seed: number) {
    [this.#first, this.#second] = [numbersOf(seed), numbersOf(seed ^ 0x5bd1e995)];
  }

  hashOf(key: string): number {
    const [firsts, seconds] = [this.#first, this.#second];
    let [first, second] = [firsts[0] ?? 0, seconds[0] ?? 0];
    for (let at = 0; at < key.length; at++) {
      const unit = key.charCodeAt(at);
      const index = (at + 1) & (keyCount - 1);
      first = (first + Math.imul(firsts[index] ?? 0, unit)) | 0;
      second = (second + Math.imul(seconds[index] ?? 0, unit)) | 0;
    }
    // Only the upper halves are as good as chance.
    return ((first & 0xffff0000) | (second >>> 16)) >>> 0;
  }

  /** Whether `isSame` is true of a place that was added with this hash. */
  has(hash: number, isSame: (place: number) => boolean): boolean {
    const mask = this.#slots.length / wordsPerSlot - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot * wordsPerSlot + 1] ?? 0;
      if (place === 0) return false;
      if (this.#slots[slot * wordsPerSlot] === hash && isSame(place - 1)) return true;
    }
  }

  add(hash: number, place: number): void {
    const { length } = this.#slots;
    if (++this.#size * 2 * wordsPerSlot > length) this.#grow();
    put(this.#slots, hash, place + 1);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += wordsPerSlot) {
      const place = old[at + 1] ?? 0;
      if (place !== 0) put(this.#slots, old[at] ?? 0, place);
    }
  }
}

function put(slots: Uint32Array, hash: number, place: number): void {
  const mask = slots.length / wordsPerSlot - 1;
  let slot = hash & mask;
  while (slots[slot * wordsPerSlot + 1] !== 0) slot = (slot + 1) & mask;
  slots[slot * wordsPerSlot] = hash;
  slots[slot * wordsPerSlot + 1] = place;
}

/** A sequence that depends on the seed alone (splitmix32). */
function numbersOf(seed: number): Uint32Array {
  const numbers = new Uint32Array(keyCount);
  let state = seed | 0;
  for (let at = 0; at < keyCount; at++) {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    numbers[at] = mixed ^ (mixed >>> 16);
  }
  return numbers;
}
