import { dlopen, FFIType, ptr, read } from "bun:ffi";
import type { Pointer } from "bun:ffi";

/** What a system call takes: a number, or memory, which must stay reachable until the call has returned. */
export type SystemArgument = number | bigint | NodeJS.TypedArray;

/** The C library of this process. Every call answers what the kernel answers: a result, or minus an errno. */
export interface Libc {
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

/** By the names that glibc and musl give to their library. */
const libraries = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

let loaded: Libc | undefined;

/** The C library, or undefined where this is not Linux. The one place that loads it. */
export function openLibc(): Libc | undefined {
  if (process.platform !== "linux") return undefined;
  return (loaded ??= load());
}

/** The address of memory, for a structure that points to it. The caller keeps the memory reachable. */
export function addressOf(memory: NodeJS.TypedArray): bigint {
  return BigInt(ptr(memory));
}

function load(): Libc {
  const { symbols } = openLibrary();
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

function openLibrary() {
  const { i32, i64, pointer } = FFIType;
  const declarations = {
    syscall: { args: [i64, i64, i64, i64, i64, i64, i64], returns: i64 },
    prctl: { args: [i32, i64, i64, i64, i64], returns: i32 },
    fcntl: { args: [i32, i32, i64], returns: i32 },
    setrlimit: { args: [i32, pointer], returns: i32 },
    capset: { args: [pointer, pointer], returns: i32 },
    execve: { args: [pointer, pointer, pointer], returns: i32 },
    __errno_location: { args: [], returns: FFIType.ptr },
  } as const;
  const failures: unknown[] = [];
  for (const name of libraries) {
    try {
      return dlopen(name, declarations);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, `none of ${libraries.join(", ")} could be loaded`);
}

function errno(location: bigint | Pointer | null): number {
  return location === null ? 0 : read.i32(location, 0);
}
