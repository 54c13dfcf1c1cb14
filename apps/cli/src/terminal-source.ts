import { read } from "node:fs";
import { isatty } from "node:tty";
import type { TextSource } from "./context.ts";

/**
 * Standard input, read on another thread so that an interrupt is heard while a question waits for its answer: reading
 * then rejects with the signal's reason. Whatever ends the process, the terminal shows again what is typed.
 */
export function terminalSource(signal: AbortSignal): TextSource {
  const decoder = new TextDecoder();
  let pending = "";
  let hidden = false;
  const fill = async (): Promise<boolean> => {
    const bytes = await readSome(signal);
    pending += decoder.decode(bytes, { stream: bytes.length > 0 });
    return bytes.length > 0;
  };
  const setEcho = (shown: boolean): void => {
    hidden = !shown;
    Bun.spawnSync(["stty", shown ? "echo" : "-echo"], { stdin: "inherit" });
  };
  process.on("exit", () => {
    if (hidden) setEcho(true);
  });
  return {
    isTerminal: isatty(0),
    async readLine() {
      while (!pending.includes("\n")) {
        if (await fill()) continue;
        if (pending === "") return undefined;
        break;
      }
      const end = pending.indexOf("\n");
      const line = end === -1 ? pending : pending.slice(0, end);
      pending = end === -1 ? "" : pending.slice(end + 1);
      return line.replace(/\r$/, "");
    },
    async readAll() {
      while (await fill());
      const text = pending;
      pending = "";
      return text;
    },
    setEcho,
  };
}

async function readSome(signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const buffer = new Uint8Array(65_536);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  read(0, buffer, 0, buffer.length, null, (error, count) => {
    if (error === null) resolve(buffer.subarray(0, count));
    else if (error.code === "EOF" || error.code === "EIO") resolve(buffer.subarray(0, 0));
    else reject(error);
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
