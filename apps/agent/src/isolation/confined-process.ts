import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatBytes, printable } from "@cpm/base";
import type { CancelSignal } from "@cpm/base";
import { agentError, isolationFailed } from "../errors.ts";
import { confineFailedStatus, isCompiled } from "./confine.ts";
import type { Confinement } from "./confine.ts";

/** A program to run confined, and how long and how much of it is borne. */
export interface ConfinedJob extends Confinement {
  /** What it reads on its input. */
  readonly request: string;
  /** Called for each line that it writes. What it throws ends the program and is thrown. */
  readonly onLine: (line: string) => void;
  /** Resident memory at which it is killed. */
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  /** So long it may say nothing. */
  readonly silenceMs: number;
  readonly signal?: CancelSignal | undefined;
  /** Of one line. Default 64 KiB: a worker has little to say. */
  readonly maxLineBytes?: number | undefined;
  /** So long it may go on after the signal, having been asked to end. Default: it is killed at once. */
  readonly graceMs?: number | undefined;
}

/** How a program ended that ended well. */
export interface ConfinedEnd {
  /** The most resident memory that was seen. */
  readonly peakBytes: number;
}

/** Of all its lines together and of its complaints: a program that is not ours any more may write for ever. */
const maxOutputBytes = 16 * 1024 * 1024;
const defaultLineBytes = 64 * 1024;
const maxComplaintBytes = 4096;
/** Of them so much stands in a message. */
const maxComplaintLength = 500;
const watchEveryMs = 10;

/**
 * A pool for compiled code that fits into the address space that the launcher leaves, no cache of transpiled sources,
 * a collector that takes memory for scarce, and memory given back at once.
 */
const environment = {
  BUN_JSC_jitMemoryReservationSize: String(32 * 1024 * 1024),
  BUN_JSC_forceRAMSize: String(64 * 1024 * 1024),
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
  MIMALLOC_PURGE_DELAY: "0",
};

/** How this program is started again. */
function ownCommand(): readonly string[] {
  return isCompiled() ? [process.execPath] : [process.execPath, join(import.meta.dir, "../main.ts")];
}

/**
 * Runs a program of `command` in a process that is confined before it begins. However this ends, the process has ended
 * before. Throws what `onLine` throws, `agent/worker-memory`, `agent/worker-timeout`, `agent/worker-killed`,
 * `agent/worker-output`, `agent/isolation`, or the reason of the signal.
 */
export async function runConfined(job: ConfinedJob, command: readonly string[] = ownCommand()): Promise<ConfinedEnd> {
  job.signal?.throwIfAborted();
  const { program, paths, limits, files, network } = job;
  const confinement: Confinement = { program, paths, limits, files, network };
  const launched = process.platform === "linux" ? ["confine", JSON.stringify(confinement)] : [program];
  const child = Bun.spawn([...command, ...launched], {
    env: { ...environment, ...(network === true ? networkEnvironment() : {}), ...failpoints() },
    stdio: [Buffer.from(job.request), "pipe", "pipe"],
  });
  const watch = new Watch(child, job);
  try {
    const complaints = firstBytes(child.stderr, maxComplaintBytes);
    await watch.readLines(child.stdout);
    await child.exited;
    watch.check(await complaints);
    return { peakBytes: watch.peakBytes };
  } finally {
    watch.stop();
    child.kill("SIGKILL");
    await child.exited;
  }
}

type Child = Bun.Subprocess<Buffer, "pipe", "pipe">;

/** Kills the process when it breaks a limit, and remembers why it did. */
class Watch {
  readonly #child: Child;
  readonly #job: ConfinedJob;
  readonly #memory: NodeJS.Timeout;
  readonly #total: NodeJS.Timeout;
  readonly #silence: NodeJS.Timeout;
  readonly #stopListening: () => void;
  #grace: NodeJS.Timeout | undefined;
  #reason: unknown;
  peakBytes = 0;

  constructor(child: Child, job: ConfinedJob) {
    this.#child = child;
    this.#job = job;
    const tooLong = (ms: number, what: string) =>
      setTimeout(() => this.#kill(agentError("agent/worker-timeout", `the worker ${what} for ${ms} ms`)), ms);
    this.#total = tooLong(job.timeoutMs, "has worked");
    this.#silence = tooLong(job.silenceMs, "has said nothing");
    this.#memory = setInterval(() => this.#measure(), watchEveryMs);
    const { signal } = job;
    const abort = () => this.#interrupt();
    signal?.addEventListener("abort", abort);
    this.#stopListening = () => signal?.removeEventListener("abort", abort);
  }

  /** Gives the lines on as they come. A reason to stop kills the process, and then its output ends. */
  async readLines(output: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    let sizeBytes = 0;
    for await (const chunk of output) {
      sizeBytes += chunk.length;
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (sizeBytes > maxOutputBytes || rest.length > (this.#job.maxLineBytes ?? defaultLineBytes)) {
        this.#kill(agentError("agent/worker-output", "the worker wrote more than it may"));
        return;
      }
      this.#silence.refresh();
      if (!this.#accept(lines)) return;
    }
  }

  /** Throws unless the process ended well. Its complaints are untrusted text. */
  check(complaints: string): void {
    if (this.#reason !== undefined) throw this.#reason;
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0) return;
    const said = complaints === "" ? "" : `: ${printable(complaints, maxComplaintLength)}`;
    if (exitCode === confineFailedStatus) throw isolationFailed(`the launcher gave up${said}`);
    // Nobody but the kernel and root kill it so; the kernel does when memory runs out.
    const how = signalCode === null ? `ended with status ${exitCode}` : `was ended by ${signalCode}`;
    throw agentError("agent/worker-killed", `the worker ${how}${said}`, { context: { exitCode, signalCode } });
  }

  stop(): void {
    clearInterval(this.#memory);
    clearTimeout(this.#total);
    clearTimeout(this.#silence);
    clearTimeout(this.#grace);
    this.#stopListening();
  }

  #accept(lines: readonly string[]): boolean {
    try {
      for (const line of lines) this.#job.onLine(line);
      return true;
    } catch (error) {
      this.#kill(error);
      return false;
    }
  }

  #measure(): void {
    const residentBytes = residentBytesOf(this.#child.pid);
    this.peakBytes = Math.max(this.peakBytes, residentBytes);
    if (residentBytes <= this.#job.memoryBytes) return;
    const limit = formatBytes(this.#job.memoryBytes);
    this.#kill(agentError("agent/worker-memory", `the worker took more than ${limit} of memory`));
  }

  #interrupt(): void {
    const { signal, graceMs } = this.#job;
    if (graceMs === undefined) return this.#kill(signal?.reason);
    this.#child.kill("SIGTERM");
    this.#grace = setTimeout(() => this.#kill(signal?.reason), graceMs);
  }

  #kill(reason: unknown): void {
    this.#reason ??= reason;
    this.#child.kill("SIGKILL");
  }
}

/** 0 for a process that has ended, and where the system does not tell. */
function residentBytesOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Reads to the end and keeps the beginning. */
async function firstBytes(output: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of output) {
    if (text.length < maxBytes) text = (text + decoder.decode(chunk, { stream: true })).slice(0, maxBytes);
  }
  return text.trim();
}

/** What says by which way the network is reached, and whom to trust there. */
const networkVariables = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
] as const;

function networkEnvironment(): Record<string, string> {
  return Object.fromEntries(
    networkVariables.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The steps at which a test ends the worker as a crash would. */
function failpoints(): Record<string, string> {
  const { CPM_TEST, CPM_FAILPOINT } = process.env;
  return CPM_TEST === "1" && CPM_FAILPOINT !== undefined ? { CPM_TEST, CPM_FAILPOINT } : {};
}
