import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { CliContext, TextSink } from "./context.ts";
import { terminalSource } from "./terminal-source.ts";

/** The context of the process itself. The first interrupt aborts `signal`; the second ends the process at once. */
export function processContext(): CliContext {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  return {
    stdout: sinkOf(1, () => process.exit(0)),
    // Who no longer listens to messages still wants the work done.
    stderr: sinkOf(2, () => {}),
    stdin: terminalSource(controller.signal),
    env: process.env,
    cwd: process.cwd(),
    clock: { now: () => Date.now(), sleep },
    signal: controller.signal,
  };
}

/** The descriptor itself: the process's own stream objects cost more time than `cpm --version` takes. */
function sinkOf(fd: 1 | 2, onGone: () => void): TextSink {
  let gone = false;
  return {
    write(text) {
      if (gone || writeWhole(fd, text)) return;
      gone = true;
      onGone();
    },
    isTerminal: isatty(fd),
    get columns() {
      return (fd === 1 ? process.stdout : process.stderr).columns || 80;
    },
  };
}

/** Synchronous, so that nothing is lost when the process ends. False when the reader went away (`| head`). */
function writeWhole(fd: number, text: string): boolean {
  const bytes = Buffer.from(text);
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (code === "EPIPE" || code === "EIO") return false;
      else throw error;
    }
  }
  return true;
}

async function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, durationMs);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      if (signal?.aborted === true) reject(signal.reason);
      else resolve();
    }
    signal?.addEventListener("abort", finish);
  });
}
