import { ptr, read } from "bun:ffi";
import type { Pointer } from "bun:ffi";
import { openLibC } from "./libc.ts";

/** What a system call takes: a number, or memory, which must stay reachable until the call has returned. */
export type SystemArgument = number | bigint | NodeJS.TypedArray;

/** Calls of Linux. Each answers what the kernel answers: a result, or minus an errno. */
export interface LinuxCalls {
  /** A system call by its number on this machine. */
  syscall(number: number, ...parameters: SystemArgument[]): number;
  prctl(option: number, ...parameters: SystemArgument[]): number;
  fcntl(file: number, command: number, parameter: number): number;
  /** `limit` is the soft and the hard one: { rlim_cur, rlim_max }. */
  setrlimit(resource: number, limit: BigUint64Array): number;
  capset(header: Uint32Array, sets: Uint32Array): number;
  /** Returns only when it failed. Each text ends with a NUL; the lists of addresses end with 0. */
  execve(path: Uint8Array, parameters: BigUint64Array, environment: BigUint64Array): number;
}

let opened: LinuxCalls | undefined;

/** Undefined where this is not Linux. */
export function openLinuxCalls(): LinuxCalls | undefined {
  if (process.platform !== "linux") return undefined;
  return (opened ??= open());
}

/** The address of memory, for a structure that points to it. The caller keeps the memory reachable. */
export function addressOf(memory: NodeJS.TypedArray): bigint {
  return BigInt(ptr(memory));
}

function open(): LinuxCalls | undefined {
  const libc = openLibC(functions);
  if (libc === undefined) return undefined;
  const { symbols } = libc;
  const number = (value: SystemArgument | undefined) =>
    value === undefined ? 0n : typeof value === "object" ? addressOf(value) : BigInt(value);
  const answer = (result: number | bigint) =>
    Number(result) === -1 ? -errno(symbols.__errno_location()) : Number(result);
  return {
    syscall: (call, a, b, c, d, e, f) =>
      answer(symbols.syscall(BigInt(call), number(a), number(b), number(c), number(d), number(e), number(f))),
    prctl: (option, a, b, c, d) => answer(symbols.prctl(option, number(a), number(b), number(c), number(d))),
    fcntl: (file, command, parameter) => answer(symbols.fcntl(file, command, BigInt(parameter))),
    setrlimit: (resource, limit) => answer(symbols.setrlimit(resource, ptr(limit))),
    capset: (header, sets) => answer(symbols.capset(ptr(header), ptr(sets))),
    execve: (path, parameters, environment) => answer(symbols.execve(ptr(path), ptr(parameters), ptr(environment))),
  };
}

const functions = {
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  prctl: { args: ["i32", "i64", "i64", "i64", "i64"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  capset: { args: ["ptr", "ptr"], returns: "i32" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

function errno(location: bigint | Pointer | null): number {
  return location === null ? 0 : read.i32(location, 0);
}
