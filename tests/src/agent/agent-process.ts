import { join } from "node:path";

export interface AgentProcess {
  readonly pid: number;
  readonly socket: string;
  /** `HOST:PORT` of the metrics. */
  readonly watchPoint: string;
  /** The lines of its log so far, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** By signal, and waits for its end. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<{ readonly exitCode: number | null; readonly signalCode: unknown }>;
}

export interface AgentProcessOptions {
  readonly root: string;
  readonly socket: string;
  readonly registry: string;
  /** Further arguments. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const agentProgram = join(import.meta.dir, "../../../apps/agent/src/main.ts");

/** The real program, as a node starts it. */
export async function startAgentProcess(options: AgentProcessOptions): Promise<AgentProcess> {
  const { root, socket, registry, args = [], environment = {} } = options;
  const where = ["--root", root, "--socket", socket, "--registry", registry];
  const flags = [...where, "--metrics", "127.0.0.1:0", "--log", "calls", "--fresh", "0s", ...args];
  const child = Bun.spawn([process.execPath, agentProgram, "serve", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const log: Readonly<Record<string, unknown>>[] = [];
  const logged = readLog(child.stderr, log);
  const watchPoint = await readAddress(child.stdout, log);
  return {
    pid: child.pid,
    socket,
    watchPoint,
    log,
    async end(signal) {
      child.kill(signal);
      await child.exited;
      await logged;
      return { exitCode: child.exitCode, signalCode: child.signalCode };
    },
  };
}

async function readLog(stderr: ReadableStream<Uint8Array>, log: Readonly<Record<string, unknown>>[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stderr) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) log.push(line.startsWith("{") ? JSON.parse(line) : { event: "text", line });
  }
}

async function readAddress(stdout: ReadableStream<Uint8Array>, log: readonly unknown[]): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true });
    const address = /^listening on .* and (\S+)$/m.exec(text)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`cpm-agent ended without listening: ${text} ${JSON.stringify(log)}`);
}
