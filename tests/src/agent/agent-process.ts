import { join } from "node:path";

export interface AgentProcess {
  readonly pid: number;
  readonly socket: string;
  /** `HOST:PORT` of the metrics. */
  readonly watchPoint: string;
  /** The lines of its log so far, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Resolves when it has ended, by itself or by a signal. */
  readonly ended: Promise<AgentEnd>;
  /** By signal, and waits for its end. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<AgentEnd>;
}

export interface AgentEnd {
  readonly exitCode: number | null;
  readonly signalCode: unknown;
}

export interface AgentProcessOptions {
  readonly root: string;
  readonly socket: string;
  readonly registry: string;
  /** Further arguments. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A listening socket that it is given, as systemd would. */
  readonly listener?: number | undefined;
  /** Where it is started. Default: where the tests are. */
  readonly folder?: string | undefined;
  /** The script to run. Default: the agent of this checkout. */
  readonly program?: string | undefined;
}

const agentProgram = join(import.meta.dir, "../../../apps/agent/src/main.ts");

/** The real program, as a node starts it. */
export async function startAgentProcess(options: AgentProcessOptions): Promise<AgentProcess> {
  const { root, socket, registry, args = [], environment = {}, listener, program = agentProgram, folder } = options;
  const where = ["--root", root, "--socket", socket, "--registry", registry];
  const flags = [...where, "--metrics", "127.0.0.1:0", "--log", "calls", "--fresh", "0s", ...args];
  const command = [process.execPath, program, "serve", ...flags];
  // The id that a socket is meant for is the program's own, which only it knows.
  const given = ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", ...command];
  const child = Bun.spawn(listener === undefined ? command : given, {
    stdio: ["ignore", "pipe", "pipe", ...(listener === undefined ? [] : [listener])],
    env: { ...process.env, ...environment },
    ...(folder === undefined ? {} : { cwd: folder }),
  });
  const log: Readonly<Record<string, unknown>>[] = [];
  const logged = readLog(child.stderr, log);
  const watchPoint = await readAddress(child.stdout, log);
  const wait = async (): Promise<AgentEnd> => {
    await child.exited;
    await logged;
    return { exitCode: child.exitCode, signalCode: child.signalCode };
  };
  const ended = wait();
  return {
    pid: child.pid,
    socket,
    watchPoint,
    log,
    ended,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the program to its end. */
export async function runAgentCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = Bun.spawn([process.execPath, agentProgram, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
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
