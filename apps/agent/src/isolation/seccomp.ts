import { addressOf, openLinuxCalls } from "@cpm/system/linux";
import { isolationFailed } from "../errors.ts";
import { systemCalls } from "./system-calls.ts";
import type { SystemCalls } from "./system-calls.ts";

/** What a confined program may do beyond what every one may. */
export interface SystemCallRights {
  /** To finish a tree: to take the right to write from its directories, and to give its files further names. */
  readonly finishTree: boolean;
}

const setModeFilter = 1;
/** The filter holds for all threads of the process, those that run already included. */
const allThreads = 1;

// linux/filter.h and linux/seccomp.h.
const loadWord = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAnyBit = 0x45;
const answer = 0x06;
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const denied = 0x00050000 | 1; // EPERM
const unknown = 0x00050000 | 38; // ENOSYS
const numberOffset = 0;
const architectureOffset = 4;
/** The low half of each parameter, which is all that the kernel looks at in those that are compared here. */
const parameterOffset = (index: number) => 16 + 8 * index;

/** Calls from here on are newer than the table; a C library has another way where the kernel does not know one. */
const newerCalls = 425;
/** Bit 30 marks the calls of x32, a second table of numbers for the same calls. */
const x32Bit = 0x40000000;

type Instruction = readonly [code: number, value: number, ifTrue: number, ifFalse: number];

/** Denies every thread of this process all system calls but those that it needs, for good. Throws `agent/isolation`. */
export function restrictSystemCalls(rights: SystemCallRights): void {
  const linux = openLinuxCalls();
  const calls = systemCalls();
  if (linux === undefined || calls === undefined) throw isolationFailed("seccomp is not known on this system");
  const program = encodeFilter(systemCallFilter(calls, rights, process.pid));
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  const header = BigUint64Array.of(BigInt(program.length / 8), addressOf(program));
  const result = linux.syscall(calls.seccomp, setModeFilter, allThreads, header);
  if (result !== 0) throw isolationFailed(`the seccomp filter was refused with ${result}`);
}

/** The filter as the kernel's instructions, each of which jumps over so many that follow it. */
export function systemCallFilter(calls: SystemCalls, rights: SystemCallRights, pid: number): readonly Instruction[] {
  const { guarded } = calls;
  return [
    [loadWord, architectureOffset, 0, 0],
    [jumpIfEqual, calls.architecture, 1, 0],
    [answer, killProcess, 0, 0],
    [loadWord, numberOffset, 0, 0],
    [jumpIfAtLeast, x32Bit, 0, 1],
    [answer, denied, 0, 0],
    ...calls.plain.flatMap(allowed),
    ...(rights.finishTree ? calls.finishing.flatMap(allowed) : []),
    // A thread, not a process.
    ...onlyIf(guarded.clone, 0, [[jumpIfAnyBit, cloneThread]]),
    // To itself: the runtime stops its own threads so.
    ...onlyIf(guarded.kill, 0, [[jumpIfEqual, pid]]),
    ...onlyIf(guarded.tgkill, 0, [[jumpIfEqual, pid]]),
    ...onlyIf(
      guarded.prctl,
      0,
      [PR_SET_NAME, PR_SET_VMA].map((option) => [jumpIfEqual, option] as const),
    ),
    // Limits may be read, and only one's own.
    ...ownLimits(guarded.prlimit64, pid),
    ...onlyIf(
      guarded.fcntl,
      1,
      [F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC].map((command) => [jumpIfEqual, command] as const),
    ),
    ...onlyIf(
      guarded.ioctl,
      1,
      [TCGETS, FIONBIO, FIOCLEX, FIONREAD].map((command) => [jumpIfEqual, command] as const),
    ),
    [jumpIfAtLeast, newerCalls, 0, 1],
    [answer, unknown, 0, 0],
    [answer, denied, 0, 0],
  ];
}

const cloneThread = 0x00010000;
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const TCGETS = 0x5401;
const FIONREAD = 0x541b;
const FIONBIO = 0x5421;
const FIOCLEX = 0x5451;

function allowed(call: number): Instruction[] {
  return [
    [jumpIfEqual, call, 0, 1],
    [answer, allow, 0, 0],
  ];
}

/** Allows a call whose parameter passes one of the tests. */
function onlyIf(
  call: number | undefined,
  parameter: number,
  tests: readonly (readonly [code: number, value: number])[],
): Instruction[] {
  if (call === undefined) return [];
  const checks = tests.map(([code, value], index): Instruction => [code, value, tests.length - index, 0]);
  return [
    [jumpIfEqual, call, 0, checks.length + 3],
    [loadWord, parameterOffset(parameter), 0, 0],
    ...checks,
    [answer, denied, 0, 0],
    [answer, allow, 0, 0],
  ];
}

/** `prlimit64(0 or itself, …, no new limit, …)`. */
function ownLimits(call: number | undefined, pid: number): Instruction[] {
  if (call === undefined) return [];
  return [
    [jumpIfEqual, call, 0, 9],
    [loadWord, parameterOffset(0), 0, 0],
    [jumpIfEqual, 0, 1, 0],
    [jumpIfEqual, pid, 0, 5],
    [loadWord, parameterOffset(2), 0, 0],
    [jumpIfEqual, 0, 0, 3],
    [loadWord, parameterOffset(2) + 4, 0, 0],
    [jumpIfEqual, 0, 0, 1],
    [answer, allow, 0, 0],
    [answer, denied, 0, 0],
  ];
}

/** struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; } */
function encodeFilter(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, value, ifTrue, ifFalse], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, ifTrue);
    view.setUint8(index * 8 + 3, ifFalse);
    view.setUint32(index * 8 + 4, value, true);
  });
  return bytes;
}
