import { closeSync, openSync, read } from "node:fs";
import type { ByteSource } from "@cpm/base";
import { fileError, removeFile, withFileErrors, writeFully } from "@cpm/store";
import type { ByteRange } from "../objects/object-storage.ts";

const chunkBytes = 256 * 1024;

/**
 * Bytes on their way from an upstream, in a file that grows: any number of readers follow it at their own speed, none
 * of them holds up the writer, and none sees a byte that was not written. Whoever opens it writes, and ends it with
 * `end` or `fail`; the file goes when its last reader has gone as well.
 */
export class Spool {
  readonly #path: string;
  readonly #file: number;
  #arrivedBytes = 0;
  #ended = false;
  #failure: unknown;
  /** The writer is one of them. */
  #users = 1;
  #arrival = Promise.withResolvers<void>();

  constructor(path: string) {
    this.#path = path;
    this.#file = withFileErrors("create", path, () => openSync(path, "wx+", 0o600));
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  write(chunk: Uint8Array): void {
    writeFully(this.#file, chunk, this.#path);
    this.#arrivedBytes += chunk.length;
    this.#wake();
  }

  /** There is no more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Readers get what has arrived, and then this error. */
  fail(error: unknown): void {
    this.#failure = error;
    this.end();
  }

  /** The writer needs it no more. */
  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    closeSync(this.#file);
    removeFile(this.#path);
  }

  /** Waits for what has not arrived. Throws what the writer failed with. */
  async *read({ startBytes, endBytes }: ByteRange): ByteSource {
    if (this.#users === 0) throw new TypeError("the spool was released");
    this.#users++;
    try {
      let at = startBytes;
      while (at < endBytes) {
        await this.#until(at);
        const count = Math.min(endBytes, this.#arrivedBytes, at + chunkBytes) - at;
        if (count <= 0) throw this.#failure ?? new TypeError("more was asked for than there is");
        const piece = await this.#piece(at, count);
        at += piece.length;
        yield piece;
      }
      if (startBytes < endBytes) return;
      // Of no bytes at all, too, it is told that they are not those that were asked for.
      await this.#until(Number.POSITIVE_INFINITY);
      if (this.#failure !== undefined) throw this.#failure;
    } finally {
      this.release();
    }
  }

  /** Until there is more than this, or will not be. */
  async #until(sizeBytes: number): Promise<void> {
    while (this.#arrivedBytes <= sizeBytes && !this.#ended) await this.#arrival.promise;
  }

  #wake(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers<void>();
  }

  #piece(at: number, sizeBytes: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(sizeBytes);
    return new Promise((resolve, reject) => {
      read(this.#file, buffer, 0, sizeBytes, at, (error, count) => {
        if (error !== null) reject(fileError(error, "read", this.#path));
        else resolve(buffer.subarray(0, count));
      });
    });
  }
}
