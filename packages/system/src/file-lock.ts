import { closeSync, constants, openSync } from "node:fs";
import { openLibC } from "./libc.ts";

/** Operations of flock(2). */
const shared = 1;
const exclusive = 2;
const withoutWaiting = 4;

const libc = openLibC({ flock: { args: ["int", "int"], returns: "int" } });

/** A lock on a file, which ends with `release` or with the process, however that ends. */
export interface FileLock {
  release(): void;
}

/** Whether files can be locked here at all; where not, the functions below answer undefined. */
export const canLockFiles: boolean = libc !== undefined;

/**
 * Takes a lock that many may have at once (flock(2)), without waiting. Undefined when somebody has the exclusive one, or
 * where files cannot be locked. Throws what the system says when there is no such file.
 */
export function tryShareLock(path: string): FileLock | undefined {
  return tryLockFile(path, constants.O_RDONLY, shared);
}

/** The same, for one alone. The file is made where it is not there. */
export function tryExclusiveLock(path: string): FileLock | undefined {
  // Opened for reading only: a file that nobody may write can be locked all the same.
  return tryLockFile(path, constants.O_RDONLY | constants.O_CREAT, exclusive);
}

function tryLockFile(path: string, flags: number, operation: number): FileLock | undefined {
  if (libc === undefined) return undefined;
  const file = openSync(path, flags, 0o644);
  if (libc.symbols.flock(file, operation | withoutWaiting) === 0) return { release: () => closeSync(file) };
  closeSync(file);
  return undefined;
}
