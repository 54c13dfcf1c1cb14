import type { Digest } from "@cpm/base";
import { DraftFile } from "./draft-file.ts";
import { storeError } from "./errors.ts";
import { removeFile } from "./files.ts";
import { createHasher } from "./hash.ts";
import type { Hasher } from "./hash.ts";
import type { ByteSink } from "./layout-stream.ts";
import { encodePartEnd, encodePartStart, partOverheadBytes } from "./part-header.ts";
import type { PartHeader } from "./part-header.ts";

/** The smallest size of a part that is worth its header. */
export const minPartBytes: number = 64 * 1024;

/** `app.bundle.part02of13`: in the order of their names, and each tells how many there are. */
export function partPath(path: string, part: number, parts: number): string {
  return `${path}.part${String(part).padStart(String(parts).length, "0")}of${parts}`;
}

interface OpenPart {
  readonly file: DraftFile;
  readonly header: PartHeader;
  readonly hasher: Hasher;
  writtenBytes: number;
}

const unknown = `sha256:${"0".repeat(64)}` as Digest;

/**
 * Writes one file as parts none of which is larger than `maxPartBytes`. Every part says of itself which it is and of
 * what, so that a missing or foreign one is noticed by whoever reads. Nothing is there before `publish`; then the parts
 * appear one after the other, and what is not complete is refused by the reader. Throws `split/part-size`.
 */
export class SplitWriter implements ByteSink {
  readonly #path: string;
  readonly #wholeBytes: number;
  readonly #capacityBytes: number;
  readonly #parts: OpenPart[] = [];
  readonly #hasher = createHasher();
  readonly #count: number;

  constructor(path: string, wholeBytes: number, maxPartBytes: number) {
    if (maxPartBytes < minPartBytes)
      throw storeError("split/part-size", `parts of ${maxPartBytes} bytes; at least ${minPartBytes} are needed`);
    this.#path = path;
    this.#wholeBytes = wholeBytes;
    this.#capacityBytes = Math.floor((maxPartBytes - partOverheadBytes) / 512) * 512;
    this.#count = Math.max(1, Math.ceil(wholeBytes / this.#capacityBytes));
    if (this.#count > 9999) throw storeError("split/part-size", `that would be ${this.#count} parts; at most 9999`);
  }

  write(chunk: Uint8Array): void {
    this.#hasher.update(chunk);
    for (let at = 0; at < chunk.length;) {
      const part = this.#current();
      const piece = chunk.subarray(at, at + part.header.sizeBytes - part.writtenBytes);
      part.file.write(piece);
      part.hasher.update(piece);
      part.writtenBytes += piece.length;
      at += piece.length;
    }
  }

  /** Answers the paths, in order. */
  publish(): readonly string[] {
    const whole = this.#hasher.digest();
    for (const { file, header, hasher } of this.#parts) {
      file.write(encodePartEnd(header));
      file.overwriteStart(encodePartStart({ ...header, whole, digest: hasher.digest() }));
      file.sync();
    }
    const published: string[] = [];
    try {
      for (const { file } of this.#parts) {
        file.publish();
        published.push(file.path);
      }
    } catch (error) {
      published.forEach(removeFile);
      throw error;
    }
    return published;
  }

  discard(): void {
    for (const { file } of this.#parts) file.discard();
  }

  #current(): OpenPart {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.writtenBytes < last.header.sizeBytes) return last;
    const part = this.#parts.length + 1;
    const offsetBytes = this.#parts.length * this.#capacityBytes;
    const sizeBytes = Math.min(this.#capacityBytes, this.#wholeBytes - offsetBytes);
    if (sizeBytes <= 0) throw new RangeError(`${this.#path} has more than the ${this.#wholeBytes} bytes announced`);
    // Its length does not hang on the digests, which are known at the end.
    const header = {
      whole: unknown,
      wholeBytes: this.#wholeBytes,
      part,
      parts: this.#count,
      offsetBytes,
      sizeBytes,
      digest: unknown,
    };
    const file = new DraftFile(partPath(this.#path, part, this.#count));
    this.#parts.push({ file, header, hasher: createHasher(), writtenBytes: 0 });
    file.write(encodePartStart(header));
    return this.#current();
  }
}
