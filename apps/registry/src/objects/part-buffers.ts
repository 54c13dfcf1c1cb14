import { storageFailed } from "../errors.ts";

/** The size of a part as long as there are few of them; S3 takes none below 5 MiB but the last. */
export const partBytes: number = 8 * 1024 ** 2;
export const maxPartNumber = 10_000;

/** Grows with the number, so that 10 000 parts hold 156 GiB, and stays the same for the first 31 GiB. */
export function sizeOfPart(number: number): number {
  if (number <= 4000) return partBytes;
  return number <= 8000 ? 2 * partBytes : 4 * partBytes;
}

/** Longer than a stalled client is listened to. */
const maxWaitMs = 150_000;

/**
 * The memory of all uploads of a process together, in buffers of one part: who finds none waits, and is served in
 * turn. A part of a larger size takes several at once.
 */
export class PartBuffers {
  readonly #count: number;
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];
  readonly #waiting: { readonly units: number; readonly start: () => void }[] = [];
  #free: number;

  /** Default 8 buffers: 64 MiB. At least 4. */
  constructor(count = 8) {
    this.#count = count;
    this.#free = count;
  }

  async take(sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const units = Math.min(this.#count, Math.ceil(sizeBytes / partBytes));
    if (this.#waiting.length > 0 || this.#free < units) await this.#wait(units);
    else this.#free -= units;
    if (sizeBytes !== partBytes) return new Uint8Array(sizeBytes);
    return this.#kept.pop() ?? new Uint8Array(partBytes);
  }

  give(buffer: Uint8Array<ArrayBuffer>): void {
    this.#free += Math.min(this.#count, Math.ceil(buffer.length / partBytes));
    if (buffer.length === partBytes) this.#kept.push(buffer);
    for (let next = this.#waiting[0]; next !== undefined && next.units <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.units;
      next.start();
    }
  }

  async #wait(units: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { units, start: resolve };
    this.#waiting.push(entry);
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      reject(storageFailed("too many uploads at once"));
    }, maxWaitMs);
    await promise.finally(() => clearTimeout(timer));
  }
}
