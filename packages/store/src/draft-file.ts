import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { withFileErrors } from "./errors.ts";
import { removeFile, syncDirectory, writeFully } from "./files.ts";

/**
 * A file that does not exist before it is whole: it is written beside its place, made durable, and renamed. Whoever
 * opened it ends it with `publish` or `discard`; to discard what was published does nothing.
 */
export class DraftFile {
  readonly path: string;
  readonly #draft: string;
  readonly #file: number;
  #open = true;

  constructor(path: string) {
    this.path = path;
    this.#draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 10)}.tmp`;
    this.#file = withFileErrors("create", path, () => openSync(this.#draft, "wx", 0o644));
  }

  write(chunk: Uint8Array): void {
    writeFully(this.#file, chunk, this.path);
  }

  /** Writes over what stands at the beginning. */
  overwriteStart(bytes: Uint8Array): void {
    withFileErrors("write", this.path, () => writeSync(this.#file, bytes, 0, bytes.length, 0));
  }

  /** What was written survives a power cut, still under its draft's name. */
  sync(): void {
    withFileErrors("sync", this.path, () => fsyncSync(this.#file));
  }

  publish(): void {
    this.sync();
    this.#close();
    withFileErrors("replace", this.path, () => renameSync(this.#draft, this.path));
    syncDirectory(dirname(this.path));
  }

  discard(): void {
    if (!this.#open) return;
    this.#close();
    removeFile(this.#draft);
  }

  #close(): void {
    this.#open = false;
    closeSync(this.#file);
  }
}
