import { closeSync, linkSync, openSync, readFileSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { CancelSignal } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { fileError, storeError, systemCode, withFileErrors } from "./errors.ts";
import { removeFile, writeFully } from "./files.ts";

/** Who holds a lock or owns a staging directory: a process id alone may have been given to another process since. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Ticks after boot at which the process started, and which boot; empty where the system does not tell. */
  readonly started: string;
}

export interface ProcessLock {
  release(): void;
}

export function currentProcess(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? "" };
}

export function isRunning(owner: ProcessIdentity): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (systemCode(error) === "ESRCH") return false;
    if (systemCode(error) !== "EPERM") throw error;
  }
  const started = startOf(owner.pid);
  return started === undefined || owner.started === "" || started === owner.started;
}

/**
 * Takes the lock that a file stands for, without waiting; undefined when a living process holds it. The lock of
 * a process that died is taken over. The lock appears whole, by a link, so that nobody reads half of one.
 */
export function tryLock(path: string): ProcessLock | undefined {
  const own = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 10)}`;
  const file = withFileErrors("create", own, () => openSync(own, "wx"));
  try {
    writeFully(file, encodeUtf8(JSON.stringify(currentProcess())), own);
  } finally {
    closeSync(file);
  }
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (link(own, path)) return { release: () => void removeFile(path) };
      if (!removeStale(path)) return undefined;
    }
    return undefined;
  } finally {
    removeFile(own);
  }
}

/** Waits for the lock; throws `store/locked` after `timeoutMs`. */
export async function waitForLock(path: string, timeoutMs: number, signal?: CancelSignal): Promise<ProcessLock> {
  const waits = Math.ceil(timeoutMs / pollMs);
  for (let turn = 0; turn <= waits; turn++) {
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    signal?.throwIfAborted();
    await sleep(pollMs);
  }
  throw storeError("store/locked", `another process has held ${path} for ${timeoutMs} ms`);
}

const pollMs = 10;

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw fileError(error, "lock", to);
  }
}

/** Answers whether to try again: the lock is gone, or its owner was dead and it was moved out of the way. */
function removeStale(path: string): boolean {
  const owner = readOwner(path);
  if (owner === undefined) return true;
  if (isRunning(owner)) return false;
  // Only one of several who see the dead owner wins the rename; the others find nothing or a new lock.
  const stale = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2, 10)}`;
  try {
    renameSync(path, stale);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return true;
    throw fileError(error, "unlock", path);
  }
  const moved = readOwner(stale);
  if (moved !== undefined && isRunning(moved)) {
    // Between the look and the rename the lock changed hands: give it back.
    link(stale, path);
  }
  removeFile(stale);
  return true;
}

function readOwner(path: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, "utf8")) as Partial<ProcessIdentity>;
    return { pid: Number(pid), started: String(started) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (systemCode(error) === undefined) return { pid: 0x7fffffff, started: "unreadable" };
    throw fileError(error, "read", path);
  }
}

/** Field 22 of /proc/<pid>/stat with the boot id; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return `${ticks}@${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;
  } catch {
    // No /proc on this system, or the process is gone: the caller falls back to the process id alone.
    return undefined;
  }
}
