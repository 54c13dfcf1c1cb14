import { closeSync, constants, openSync } from "node:fs";
import { openLinuxCalls } from "@cpm/system/linux";
import type { LinuxCalls } from "@cpm/system/linux";
import { isolationFailed } from "../errors.ts";

/**
 * Landlock: a process gives up rights to files and the network, for itself and all that it becomes.
 * https://docs.kernel.org/userspace-api/landlock.html; the figures are those of `linux/landlock.h`.
 */
const createRuleset = 444;
const addRule = 445;
const restrictSelf = 446;
const versionFlag = 1;
const pathBeneath = 1;

/** What can be given back for a path. Everything else that the kernel knows of is denied everywhere. */
export const fileRights = {
  execute: 1 << 0,
  writeFile: 1 << 1,
  readFile: 1 << 2,
  readDirectory: 1 << 3,
  removeDirectory: 1 << 4,
  removeFile: 1 << 5,
  makeDirectory: 1 << 7,
  makeFile: 1 << 8,
  makeSymlink: 1 << 12,
  /** To move files from one directory to another. */
  refer: 1 << 13,
  truncate: 1 << 14,
} as const;

export type FileRight = keyof typeof fileRights;

/** A path, and what may be done with it and beneath it. */
export interface PathRule {
  readonly path: string;
  readonly rights: readonly FileRight[];
}

/** How many rights to files each version of the interface knows: the first bits, each version having all before it. */
const rightsByVersion = [0, 13, 14, 15, 15, 16] as const;

/** The version of the interface that this kernel has; 0 where Landlock is missing or switched off. */
export function landlockVersion(): number {
  return Math.max(openLinuxCalls()?.syscall(createRuleset, 0, 0, versionFlag) ?? 0, 0);
}

/**
 * Denies this thread and whatever it executes all use of files but the one that the rules give, every TCP connection
 * unless it has the network (version 4), and abstract sockets and signals to processes outside (version 6). Other threads stay free: to be
 * called just before `execve`, which ends them. Needs no privilege but "no new privileges". Throws `agent/isolation`.
 */
export function restrictByLandlock(rules: readonly PathRule[], { network = false } = {}): void {
  const version = landlockVersion();
  const handled = 2 ** (rightsByVersion[Math.min(version, rightsByVersion.length - 1)] ?? 0) - 1;
  // struct landlock_ruleset_attr { handled_access_fs, handled_access_net, scoped }
  const attributes = BigUint64Array.of(BigInt(handled), version >= 4 && !network ? 3n : 0n, version >= 6 ? 3n : 0n);
  const sizeBytes = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const ruleset = mustSucceed("landlock_create_ruleset", createRuleset, attributes, sizeBytes, 0);
  for (const rule of rules) allow(ruleset, rule, handled);
  mustSucceed("landlock_restrict_self", restrictSelf, ruleset, 0);
  closeSync(ruleset);
}

/** A right that this version does not know is not denied by it, and cannot be given. */
function allow(ruleset: number, { path, rights }: PathRule, handled: number): void {
  const file = openPath(path);
  try {
    // struct landlock_path_beneath_attr { u64 allowed_access; s32 parent_fd; }, packed
    const attributes = new Uint8Array(12);
    const view = new DataView(attributes.buffer);
    view.setBigUint64(0, BigInt(rights.reduce((sum, right) => sum | fileRights[right], 0) & handled), true);
    view.setInt32(8, file, true);
    mustSucceed(`landlock_add_rule for ${path}`, addRule, ruleset, pathBeneath, attributes, 0);
  } finally {
    closeSync(file);
  }
}

/** Opens a path without a right to read it (`asm-generic/fcntl.h`). */
const O_PATH = 0o10000000;

function openPath(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    throw isolationFailed(`${path} cannot be given to the program: ${String(error)}`);
  }
}

function mustSucceed(what: string, ...call: Parameters<LinuxCalls["syscall"]>): number {
  const result = openLinuxCalls()?.syscall(...call) ?? -1;
  if (result < 0) throw isolationFailed(`${what} failed with errno ${-result}`);
  return result;
}
