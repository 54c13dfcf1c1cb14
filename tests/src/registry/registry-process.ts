import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface RegistryProcess {
  readonly host: string;
  /** Highest resident memory so far. */
  peakMemoryBytes(): number;
  /** Resolves when the process has ended, however. */
  readonly ended: Promise<unknown>;
  /** By signal, and waits for its end: SIGTERM for a stop, SIGKILL for a crash. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<{ readonly exitCode: number | null; readonly signalCode: unknown }>;
}

const program = join(import.meta.dir, "../../../apps/registry/src/main.ts");

export interface RegistryProcessOptions {
  /** Where it is to kill itself. */
  readonly failpoint?: string;
  /** Default true: everybody may publish. */
  readonly open?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** The real program, as a user starts it; without a directory, where the arguments name servers for all. */
export async function startRegistryProcess(
  dataDirectory: string | undefined,
  { failpoint = "", open = true, args = [], environment = {} }: RegistryProcessOptions = {},
): Promise<RegistryProcess> {
  const data = dataDirectory === undefined ? [] : ["--data", dataDirectory];
  const flags = [...(open ? ["--open"] : []), ...data, "--listen", "127.0.0.1:0", ...args];
  const child = Bun.spawn([process.execPath, program, "serve", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment, ...(failpoint === "" ? {} : { CPM_TEST: "1", CPM_FAILPOINT: failpoint }) },
  });
  const host = await readHost(child.stdout);
  return {
    host,
    peakMemoryBytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    ended: child.exited,
    async end(signal) {
      child.kill(signal);
      await child.exited;
      return { exitCode: child.exitCode, signalCode: child.signalCode };
    },
  };
}

async function readHost(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true });
    const host = /^listening on https?:\/\/(\S+)$/m.exec(text)?.[1];
    if (host !== undefined) return host;
  }
  throw new Error(`cpm-registry ended without listening: ${text}`);
}
