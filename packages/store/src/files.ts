import { closeSync, fsyncSync, openSync, readSync, renameSync, unlinkSync, write, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { fileError, systemCode, withFileErrors } from "./errors.ts";

/** Size of the pieces in which files are read. */
export const readChunkBytes: number = 1024 * 1024;

/** From this size on a chunk is worth writing on another thread: to ask for that takes as long as a small write. */
export const backgroundBytes: number = 256 * 1024;

/** Writes all of a chunk: a single write may be short. */
export function writeFully(file: number, chunk: Uint8Array, path: string): void {
  withFileErrors("write", path, () => {
    let at = 0;
    while (at < chunk.length) at += writeSync(file, chunk, at, chunk.length - at);
  });
}

/** The same on another thread. The chunk must stay as it is until the promise resolves. */
export async function writeInBackground(file: number, chunk: Uint8Array, path: string): Promise<void> {
  let at = 0;
  while (at < chunk.length) {
    const offset = at;
    at += await new Promise<number>((resolve, reject) => {
      write(file, chunk, offset, chunk.length - offset, null, (error, count) => {
        if (error === null) resolve(count);
        else reject(fileError(error, "write", path));
      });
    });
  }
}

/** The bytes of a file from `offsetBytes` on, each chunk in a buffer of its own. Closes the file in every case. */
export async function* readFileBytes(
  path: string,
  offsetBytes = 0,
  lengthBytes: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  const file = withFileErrors("open", path, () => openSync(path, "r"));
  try {
    let at = offsetBytes;
    const end = offsetBytes + lengthBytes;
    while (at < end) {
      const buffer = new Uint8Array(Math.min(readChunkBytes, end - at));
      const count = withFileErrors("read", path, () => readSync(file, buffer, 0, buffer.length, at));
      if (count === 0) return;
      at += count;
      yield count === buffer.length ? buffer : buffer.subarray(0, count);
    }
  } finally {
    closeSync(file);
  }
}

/** Makes a rename or a new name in a directory survive a power cut. Where directories cannot be opened, the system does it. */
export function syncDirectory(path: string): void {
  let directory: number;
  try {
    directory = openSync(path, "r");
  } catch (error) {
    if (process.platform === "win32") return;
    throw fileError(error, "open", path);
  }
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes a file, or the names in a directory, survive a power cut, on another thread: a busy disk takes seconds, and
 * whatever else this process does goes on meanwhile.
 */
export async function syncInBackground(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // Where directories cannot be opened, the system does it.
    if (process.platform === "win32" && systemCode(error) === "EISDIR") return;
    throw fileError(error, "sync", path);
  }
}

/** Replaces a file in one step: a reader sees the old text or the new one, also after a crash. */
export function replaceFile(path: string, bytes: Uint8Array, mode = 0o644): void {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 10)}.tmp`;
  try {
    const file = withFileErrors("create", temporary, () => openSync(temporary, "wx", mode));
    try {
      writeFully(file, bytes, temporary);
      withFileErrors("sync", temporary, () => fsyncSync(file));
    } finally {
      closeSync(file);
    }
    withFileErrors("replace", path, () => renameSync(temporary, path));
  } catch (error) {
    removeFile(temporary);
    throw error;
  }
  syncDirectory(dirname(path));
}

/** False when there was no such file. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw fileError(error, "remove", path);
  }
}

/** The first `sizeBytes` of an open file, in one buffer that is used again for each piece. */
export function* readOpenFile(
  file: number,
  sizeBytes: number,
  path: string,
  buffer: Uint8Array = new Uint8Array(Math.min(readChunkBytes, sizeBytes)),
): Generator<Uint8Array> {
  let at = 0;
  while (at < sizeBytes) {
    const count = withFileErrors("read", path, () =>
      readSync(file, buffer, 0, Math.min(buffer.length, sizeBytes - at), at),
    );
    if (count === 0) return;
    at += count;
    yield buffer.subarray(0, count);
  }
}
