import { describe, expect, test } from "bun:test";
import { systemCallFilter } from "./seccomp.ts";
import { systemCalls } from "./system-calls.ts";

const pid = 4711;
const answers: Record<number, string> = {
  0x7fff0000: "allow",
  0x80000000: "kill",
  0x50001: "EPERM",
  0x50026: "ENOSYS",
};

/** Runs a filter as the kernel would: `linux/filter.h`, as far as our instructions go. */
function run(
  machine: string,
  call: number,
  parameters: readonly number[] = [],
  { architecture, finishTree = false }: { architecture?: number; finishTree?: boolean } = {},
): string {
  const calls = systemCalls(machine);
  if (calls === undefined) throw new Error(`no calls for ${machine}`);
  const words = new Map([
    [0, call],
    [4, architecture ?? calls.architecture],
    ...parameters.map((value, index) => [16 + 8 * index, value] as const),
  ]);
  const program = systemCallFilter(calls, { finishTree }, pid);
  let value = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error("the filter has no end");
    const [code, operand, ifTrue, ifFalse] = instruction;
    if (code === 0x06) return answers[operand] ?? `an answer of ${operand}`;
    if (code === 0x20) value = words.get(operand) ?? 0;
    else {
      const holds = code === 0x15 ? value === operand : code === 0x35 ? value >= operand : (value & operand) !== 0;
      at += holds ? ifTrue : ifFalse;
    }
  }
}

describe.each([
  {
    machine: "x64",
    write: 1,
    execve: 59,
    socket: 41,
    clone: 56,
    tgkill: 234,
    prctl: 157,
    prlimit: 302,
    fcntl: 72,
    chmod: 90,
    linkat: 265,
    renameat2: 316,
    unlinkat: 263,
  },
  {
    machine: "arm64",
    write: 64,
    execve: 221,
    socket: 198,
    clone: 220,
    tgkill: 131,
    prctl: 167,
    prlimit: 261,
    fcntl: 25,
    chmod: 53,
    linkat: 37,
    renameat2: 276,
    unlinkat: 35,
  },
])("the filter of $machine", ({ machine, write, execve, socket, clone, tgkill, prctl, prlimit, fcntl, ...naming }) => {
  test("allows what is listed and nothing else", () => {
    expect(run(machine, write)).toBe("allow");
    expect([execve, socket].map((call) => run(machine, call))).toEqual(["EPERM", "EPERM"]);
    expect(run(machine, write, [], { architecture: 0x40000003 })).toBe("kill");
    expect(run(machine, 0x40000000 + write)).toBe("EPERM");
  });

  test("lets modes and names be changed by who finishes a tree, and files be removed by nobody", () => {
    const { chmod, linkat, renameat2, unlinkat } = naming;
    const answersTo = (finishTree: boolean) =>
      [chmod, linkat, renameat2, unlinkat].map((call) => run(machine, call, [], { finishTree }));
    expect(answersTo(false)).toEqual(["EPERM", "EPERM", "EPERM", "EPERM"]);
    expect(answersTo(true)).toEqual(["allow", "allow", "allow", "EPERM"]);
  });

  test("knows no call that is newer than the table", () => {
    const [clone3, ioUring, openat2] = [435, 425, 437];
    expect([clone3, ioUring, openat2].map((call) => run(machine, call))).toEqual(["ENOSYS", "ENOSYS", "ENOSYS"]);
    expect(run(machine, 424)).toBe("EPERM");
    expect(run(machine, 439)).toBe("allow");
  });

  test("allows threads and no processes, signals to itself and to nobody else", () => {
    expect(run(machine, clone, [0x3d0f00])).toBe("allow");
    expect(run(machine, clone, [0x4111])).toBe("EPERM");
    expect([pid, 1, 0].map((target) => run(machine, tgkill, [target]))).toEqual(["allow", "EPERM", "EPERM"]);
  });

  test("looks at parameters", () => {
    const dumpable = 4;
    const name = 15;
    expect([run(machine, prctl, [name]), run(machine, prctl, [dumpable])]).toEqual(["allow", "EPERM"]);
    expect([0, 1, 2, 3, 4, 1030].map((command) => run(machine, fcntl, [5, command]))).toEqual([
      "EPERM",
      ...Array.from({ length: 5 }, () => "allow"),
    ]);
    expect(run(machine, prlimit, [0, 7, 0])).toBe("allow");
    expect(run(machine, prlimit, [pid, 7, 0])).toBe("allow");
    expect(run(machine, prlimit, [1, 7, 0])).toBe("EPERM");
    expect(run(machine, prlimit, [0, 7, 0x1000])).toBe("EPERM");
  });
});

test("a machine that we do not know has no table", () => {
  expect(systemCalls("riscv64")).toBeUndefined();
});
