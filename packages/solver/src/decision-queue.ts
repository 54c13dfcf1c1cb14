import type { PackageState, Turn } from "./package-state.ts";

interface Entry {
  readonly about: PackageState;
  readonly rank: number;
  readonly heat: number;
  readonly priority: number;
  /** The package's stamp when it was put in: an older one than the package has now is outdated. */
  readonly stamp: number;
}

/** So many conflicts (as a power of two) make a package hotter by one. */
const heatShift = 2;

const ranks: Readonly<Record<Turn, number>> = { early: 0, usual: 1, late: 2 };

/** Open packages, the one to decide first at the top. A binary heap; what is outdated falls out when it comes up. */
export class DecisionQueue {
  readonly #heap: Entry[] = [];

  /** Puts a package in, or moves it. */
  put(about: PackageState, priority: number): void {
    const entry = {
      about,
      rank: ranks[about.turn],
      heat: about.conflicts >> heatShift,
      priority,
      stamp: ++about.queueStamp,
    };
    let at = this.#heap.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt];
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.#heap[at] = parent;
      at = parentAt;
    }
    this.#heap[at] = entry;
  }

  /** Takes a package out, wherever it is. */
  remove(about: PackageState): void {
    about.queueStamp++;
  }

  /** The package to decide next, which stays in; undefined when none is open. */
  first(): PackageState | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.stamp === top.about.queueStamp) return top.about;
      this.#dropFirst();
    }
    return undefined;
  }

  #dropFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = this.#heap[childAt];
      if (child === undefined) break;
      const sibling = this.#heap[childAt + 1];
      if (sibling !== undefined && isBefore(sibling, child)) {
        child = sibling;
        childAt++;
      }
      if (!isBefore(child, last)) break;
      this.#heap[at] = child;
      at = childAt;
    }
    this.#heap[at] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  const order =
    left.rank - right.rank ||
    right.heat - left.heat ||
    left.priority - right.priority ||
    left.about.requiredAt - right.about.requiredAt;
  return order < 0;
}
