import { writeFileSync } from "node:fs";
import { openLinuxCalls } from "@cpm/system/linux";
import type { LinuxCalls } from "@cpm/system/linux";
import { isolationFailed } from "../errors.ts";

export interface ProcessLimits {
  /** No file may become larger. */
  readonly fileSizeBytes: number;
  /** So many files may be open, those that were inherited included. */
  readonly openFiles: number;
}

// linux/prctl.h
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const SIGKILL = 9;
const EINVAL = 22;

// asm-generic/resource.h
const RLIMIT_FSIZE = 1;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
const RLIMIT_MEMLOCK = 8;
const RLIMIT_MSGQUEUE = 12;

/**
 * Takes from this process, and from what it executes, every privilege and what it could do to its machine: it dies with
 * its parent, is the first to go when memory runs out, dumps nothing, and cannot get new privileges by executing.
 * Throws `agent/isolation`.
 */
export function limitProcess(limits: ProcessLimits): void {
  const linux = openLinuxCalls();
  if (linux === undefined) return;
  check("PR_SET_PDEATHSIG", linux.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  check("PR_SET_NO_NEW_PRIVS", linux.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  dropCapabilities(linux);
  writeFileSync("/proc/self/oom_score_adj", "1000");
  process.umask(0o022);
  limit(linux, RLIMIT_CORE, 0);
  limit(linux, RLIMIT_MEMLOCK, 0);
  limit(linux, RLIMIT_MSGQUEUE, 0);
  limit(linux, RLIMIT_NOFILE, limits.openFiles);
  limit(linux, RLIMIT_FSIZE, limits.fileSizeBytes);
}

/** Lets no process of the same user look into this one. Executing undoes it. */
export function hideProcess(): void {
  const linux = openLinuxCalls();
  if (linux !== undefined) check("PR_SET_DUMPABLE", linux.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/** Root has them, and gets them again with each program that it executes unless the bounding set is empty. */
function dropCapabilities(linux: LinuxCalls): void {
  if (process.geteuid?.() !== 0) return;
  check("PR_CAP_AMBIENT", linux.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  for (let capability = 0; capability < 64; capability++) {
    const result = linux.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    // The kernel knows fewer than 64.
    if (result === -EINVAL) break;
    check("PR_CAPBSET_DROP", result);
  }
  // struct __user_cap_header { version 3, pid 0 } and twice { effective, permitted, inheritable }
  check("capset", linux.capset(Uint32Array.of(0x20080522, 0), new Uint32Array(6)));
}

function limit(linux: LinuxCalls, resource: number, value: number): void {
  check(`setrlimit ${resource}`, linux.setrlimit(resource, BigUint64Array.of(BigInt(value), BigInt(value))));
}

function check(what: string, result: number): void {
  if (result < 0) throw isolationFailed(`${what} failed with errno ${-result}`);
}
