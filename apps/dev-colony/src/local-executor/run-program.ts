import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "./command.ts";
import { executorError } from "./errors.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { LocalExecutorLimits } from "./limits.ts";

export interface ProgramRun {
  readonly command: Command;
  readonly workDirectory: string;
  /** The whole environment: nothing of this process's own is added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: LocalExecutorLimits;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/**
 * Runs a program, without a shell, as the leader of a process group of its own. Ends well at exit status 0 only.
 * When the signal is aborted the group gets SIGTERM, and SIGKILL after the grace; whatever of the group outlives
 * the program is killed. Throws `executor/exit-status`, `executor/killed`, `executor/no-program` or the signal's reason.
 */
export async function runProgram(run: ProgramRun): Promise<void> {
  run.signal.throwIfAborted();
  const { command } = run;
  const child = spawn(command.program, command.args, {
    cwd: run.workDirectory,
    env: run.environment,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = exitOf(child, command.program);
  const group = new ProcessGroup(child.pid, run.limits.graceMs);
  const stop = () => group.end(ended);
  run.signal.addEventListener("abort", stop, { once: true });
  let lastComplaint = "";
  const drained = Promise.all([
    drain(child.stdout, run.limits.maxLineBytes, run.onLine),
    drain(child.stderr, run.limits.maxLineBytes, (line) => {
      if (line.trim() !== "") lastComplaint = line.trim();
      run.onLine(line);
    }),
  ]);
  // A program need not read what it is given.
  child.stdin.on("error", () => {});
  child.stdin.end(command.stdin);
  try {
    const exit = await ended;
    group.kill();
    // A descendant in a group of its own may hold the pipes for ever.
    await Promise.race([drained, sleep(run.limits.graceMs)]);
    run.signal.throwIfAborted();
    if (exit.signal !== null) throw executorError("executor/killed", `killed by ${exit.signal}`);
    if (exit.status !== 0) {
      const complaint = lastComplaint === "" ? "" : `: ${lastComplaint}`;
      throw executorError("executor/exit-status", `exit status ${exit.status}${complaint}`);
    }
  } finally {
    run.signal.removeEventListener("abort", stop);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** A program and everything that it started without leaving its group. */
class ProcessGroup {
  readonly #id: number | undefined;
  readonly #graceMs: number;

  constructor(id: number | undefined, graceMs: number) {
    this.#id = id;
    this.#graceMs = graceMs;
  }

  end(ended: Promise<unknown>): void {
    this.#send("SIGTERM");
    const timer = setTimeout(() => this.kill(), this.#graceMs);
    const disarm = () => clearTimeout(timer);
    ended.then(disarm, disarm);
  }

  kill(): void {
    this.#send("SIGKILL");
  }

  #send(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#id === undefined) return;
    try {
      process.kill(-this.#id, signal);
    } catch {
      // The group is empty: that is what was wanted.
    }
  }
}

interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

async function exitOf(child: ChildProcess, program: string): Promise<Exit> {
  return await new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(executorError("executor/no-program", `${program} cannot be started: ${cause.message}`, cause)),
    );
    child.once("exit", (status, signal) => resolve({ status, signal }));
  });
}

async function drain(
  stream: NodeJS.ReadableStream,
  maxLineBytes: number,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = new LineSplitter(maxLineBytes, onLine);
  await new Promise<void>((resolve) => {
    stream.on("data", (bytes: Uint8Array) => lines.write(bytes));
    stream.once("close", resolve);
    stream.once("error", () => resolve());
  });
  lines.end();
}
