import { readSync, writeSync } from "node:fs";
import type { CliContext, TextSink, TextSource } from "./context.ts";

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
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    stdin: terminalSource(),
    env: process.env,
    cwd: process.cwd(),
    clock: { now: () => Date.now(), sleep },
    signal: controller.signal,
  };
}

function sinkOf(stream: NodeJS.WriteStream & { readonly fd: number }): TextSink {
  return {
    write: (text) => writeWhole(stream.fd, text),
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns ?? 80;
    },
  };
}

/** Synchronous, so that nothing is lost when the process ends; a reader that went away (`| head`) ends it quietly. */
function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (code === "EPIPE") process.exit(0);
      else throw error;
    }
  }
}

function terminalSource(): TextSource {
  let pending = "";
  const fill = (): boolean => {
    const buffer = Buffer.alloc(4096);
    const count = readSync(0, buffer, 0, buffer.length, null);
    pending += buffer.toString("utf8", 0, count);
    return count > 0;
  };
  return {
    isTerminal: process.stdin.isTTY,
    async readLine() {
      while (!pending.includes("\n")) {
        if (fill()) continue;
        if (pending === "") return undefined;
        break;
      }
      const end = pending.indexOf("\n");
      const line = end === -1 ? pending : pending.slice(0, end);
      pending = end === -1 ? "" : pending.slice(end + 1);
      return line.replace(/\r$/, "");
    },
    async readAll() {
      return pending + (await Bun.stdin.text());
    },
    setEcho(shown) {
      Bun.spawnSync(["stty", shown ? "echo" : "-echo"], { stdin: "inherit" });
    },
  };
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
