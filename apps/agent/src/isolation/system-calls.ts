/** A number for each kind of machine that we build for. */
type Machine = "x64" | "arm64";

/** Every system call of the table below, by machine; undefined where that machine has none of this name. */
type Row = readonly [name: string, x64: number | undefined, arm64: number | undefined];

/**
 * What a program needs that reads from files that are open already, writes new files and answers on a pipe, with what
 * the runtime itself needs: memory, threads, time, its event loop. Figures of `asm/unistd.h`.
 *
 * Not here, and so denied: every socket, executing, processes of one's own, signals to others and a look into them,
 * whatever changes files that exist (modes, owners, times, attributes, names, lengths, links), and what is left of the
 * kernel. Landlock does not cover half of these.
 */
const plainCalls: readonly Row[] = [
  ["read", 0, 63],
  ["write", 1, 64],
  ["readv", 19, 65],
  ["writev", 20, 66],
  ["pread64", 17, 67],
  ["pwrite64", 18, 68],
  ["lseek", 8, 62],
  ["close", 3, 57],
  ["fadvise64", 221, 223],
  ["open", 2, undefined],
  ["openat", 257, 56],
  ["mkdir", 83, undefined],
  ["mkdirat", 258, 34],
  ["symlink", 88, undefined],
  ["symlinkat", 266, 36],
  ["readlink", 89, undefined],
  ["readlinkat", 267, 78],
  ["getdents64", 217, 61],
  ["stat", 4, undefined],
  ["lstat", 6, undefined],
  ["fstat", 5, 80],
  ["newfstatat", 262, 79],
  ["statx", 332, 291],
  ["access", 21, undefined],
  ["faccessat", 269, 48],
  ["faccessat2", 439, 439],
  ["getcwd", 79, 17],
  ["umask", 95, 166],
  ["mmap", 9, 222],
  ["munmap", 11, 215],
  ["mremap", 25, 216],
  ["mprotect", 10, 226],
  ["madvise", 28, 233],
  ["brk", 12, 214],
  ["membarrier", 324, 283],
  ["futex", 202, 98],
  ["set_robust_list", 273, 99],
  ["rseq", 334, 293],
  ["gettid", 186, 178],
  ["getpid", 39, 172],
  ["getppid", 110, 173],
  ["getuid", 102, 174],
  ["geteuid", 107, 175],
  ["getgid", 104, 176],
  ["getegid", 108, 177],
  ["sched_yield", 24, 124],
  ["sched_getaffinity", 204, 123],
  ["sched_getparam", 143, 121],
  ["sched_getscheduler", 145, 120],
  ["rt_sigaction", 13, 134],
  ["rt_sigprocmask", 14, 135],
  ["rt_sigreturn", 15, 139],
  ["sigaltstack", 131, 132],
  ["restart_syscall", 219, 128],
  ["exit", 60, 93],
  ["exit_group", 231, 94],
  ["clock_gettime", 228, 113],
  ["clock_getres", 229, 114],
  ["gettimeofday", 96, 169],
  ["nanosleep", 35, 101],
  ["clock_nanosleep", 230, 115],
  ["timerfd_create", 283, 85],
  ["timerfd_settime", 286, 86],
  ["poll", 7, undefined],
  ["ppoll", 271, 73],
  ["epoll_create1", 291, 20],
  ["epoll_ctl", 233, 21],
  ["epoll_wait", 232, undefined],
  ["epoll_pwait", 281, 22],
  ["epoll_pwait2", 441, 441],
  ["eventfd2", 290, 19],
  ["getrandom", 318, 278],
  ["getrusage", 98, 165],
  ["sysinfo", 99, 179],
  ["uname", 63, 160],
];

/** What changes modes and names. Where they may be changed is for Landlock to say. */
const finishingCalls: readonly Row[] = [
  ["chmod", 90, undefined],
  ["fchmodat", 268, 53],
  ["link", 86, undefined],
  ["linkat", 265, 37],
  ["rename", 82, undefined],
  ["renameat", 264, 38],
  ["renameat2", 316, 276],
];

/** Allowed for some values of a parameter only; `seccomp.ts` says which. */
const guardedCalls = {
  clone: { x64: 56, arm64: 220 },
  kill: { x64: 62, arm64: 129 },
  tgkill: { x64: 234, arm64: 131 },
  prctl: { x64: 157, arm64: 167 },
  prlimit64: { x64: 302, arm64: 261 },
  fcntl: { x64: 72, arm64: 25 },
  ioctl: { x64: 16, arm64: 29 },
} as const;

export interface SystemCalls {
  /** `AUDIT_ARCH_…` of `linux/audit.h`. */
  readonly architecture: number;
  readonly seccomp: number;
  readonly plain: readonly number[];
  /** For a program that finishes a tree. */
  readonly finishing: readonly number[];
  readonly guarded: Readonly<Record<keyof typeof guardedCalls, number | undefined>>;
}

/** The numbers of this machine; undefined for one that we do not know. */
export function systemCalls(machine: string = process.arch): SystemCalls | undefined {
  if (machine !== "x64" && machine !== "arm64") return undefined;
  const column = machine === "x64" ? 1 : 2;
  const numbers = (rows: readonly Row[]) => rows.flatMap((row) => row[column] ?? []);
  return {
    architecture: machine === "x64" ? 0xc000003e : 0xc00000b7,
    seccomp: machine === "x64" ? 317 : 277,
    plain: numbers(plainCalls),
    finishing: numbers(finishingCalls),
    guarded: numbersOf(machine),
  };
}

function numbersOf(machine: Machine): SystemCalls["guarded"] {
  const entries = Object.entries(guardedCalls).map(([name, numbers]) => [name, numbers[machine]]);
  return Object.fromEntries(entries) as SystemCalls["guarded"];
}
