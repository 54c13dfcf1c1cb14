import { decodeUtf8, encodeUtf8 } from "@cpm/base";
import { maxPaxBytes } from "./pax-records.ts";

const blockBytes = 8192;
const headBytes = 4;

/** What is known of a path. */
export type PathKind = "directory" | "other";

/**
 * The paths of an archive in byte order, in bytes and not in strings: half a million of them are no objects for the
 * collector, and a path takes what it does not share with the one before.
 *
 * Blocks of 8 KiB, each of which begins with a whole path. An entry is, in two bytes each, how many bytes it shares and
 * twice how many follow, plus one for a directory; then those bytes.
 */
export class SortedPaths {
  readonly #blocks: Uint8Array[] = [];
  /** Of each block, how many bytes of it are used. */
  readonly #ends: number[] = [];
  #last = new Uint8Array(maxPaxBytes);
  #next = new Uint8Array(maxPaxBytes);
  #lastBytes = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Takes a path that comes after all the others, and gives the place at which `at` finds it again. */
  append(path: string, kind: PathKind): number {
    const length = encodeInto(this.#next, path);
    let shared = this.#sharedWithLast(length);
    let [block, end] = [this.#blocks.at(-1), this.#ends.at(-1) ?? 0];
    if (block === undefined || end + headBytes + length - shared > blockBytes) {
      [block, end, shared] = [new Uint8Array(blockBytes), 0, 0];
      this.#blocks.push(block);
      this.#ends.push(0);
    }
    const following = length - shared;
    writeHead(block, end, shared, following * 2 + (kind === "directory" ? 1 : 0));
    block.set(this.#next.subarray(shared, length), end + headBytes);
    this.#ends[this.#ends.length - 1] = end + headBytes + following;
    [this.#last, this.#next, this.#lastBytes] = [this.#next, this.#last, length];
    this.#size++;
    return (this.#blocks.length - 1) * blockBytes + end;
  }

  /** The path at a place that `append` gave. */
  at(place: number): string {
    const cursor = new Cursor(this.#blocks[Math.floor(place / blockBytes)] ?? new Uint8Array(headBytes));
    while (cursor.start < place % blockBytes) cursor.step();
    return decodeUtf8(cursor.path());
  }

  find(path: string): PathKind | undefined {
    const sought = encodeUtf8(path);
    const index = this.#blockOf(sought);
    const block = this.#blocks[index];
    if (block === undefined) return undefined;
    const cursor = new Cursor(block);
    const end = this.#ends[index] ?? 0;
    for (;;) {
      const order = compareBytes(cursor.path(), sought);
      if (order === 0) return cursor.kind;
      if (order > 0 || cursor.end >= end) return undefined;
      cursor.step();
    }
  }

  /** The last block that does not begin after the path, or -1. */
  #blockOf(sought: Uint8Array): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#blocks[middle];
      if (block !== undefined && compareBytes(firstPath(block), sought) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #sharedWithLast(length: number): number {
    const most = Math.min(this.#lastBytes, length);
    let shared = 0;
    while (shared < most && this.#last[shared] === this.#next[shared]) shared++;
    return shared;
  }
}

/** Stands on an entry of a block, the first one to begin with. */
class Cursor {
  readonly #block: Uint8Array;
  readonly #text = new Uint8Array(maxPaxBytes);
  #length = 0;
  kind: PathKind = "other";
  start = 0;
  end = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
    this.step();
  }

  step(): void {
    const at = this.end;
    const shared = readPair(this.#block, at);
    const rest = readPair(this.#block, at + 2);
    const from = at + headBytes;
    this.kind = (rest & 1) === 1 ? "directory" : "other";
    this.start = at;
    this.end = from + (rest >> 1);
    this.#text.set(this.#block.subarray(from, this.end), shared);
    this.#length = shared + (rest >> 1);
  }

  /** A view that is valid until the next step. */
  path(): Uint8Array {
    return this.#text.subarray(0, this.#length);
  }
}

function firstPath(block: Uint8Array): Uint8Array {
  return block.subarray(headBytes, headBytes + (readPair(block, 2) >> 1));
}

function writeHead(block: Uint8Array, at: number, shared: number, rest: number): void {
  block[at] = shared & 0xff;
  block[at + 1] = shared >> 8;
  block[at + 2] = rest & 0xff;
  block[at + 3] = rest >> 8;
}

function readPair(block: Uint8Array, at: number): number {
  return (block[at] ?? 0) + (block[at + 1] ?? 0) * 256;
}

/** Most paths are ASCII, for which no array has to be made. */
function encodeInto(target: Uint8Array, text: string): number {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) {
      const bytes = encodeUtf8(text);
      target.set(bytes);
      return bytes.length;
    }
    target[at] = unit;
  }
  return text.length;
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const order = (left[at] ?? 0) - (right[at] ?? 0);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
