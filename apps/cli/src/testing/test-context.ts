import type { CliContext } from "../context.ts";

export interface TestContextOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** What is typed or piped in. */
  readonly stdin?: string;
  /** Whether all three streams are a terminal. Default false. */
  readonly terminal?: boolean;
  /** Of a terminal. Default 80. */
  readonly columns?: number;
  readonly signal?: AbortSignal;
}

/** A context whose streams are kept in memory and whose clock moves only when it is told to. */
export interface TestContext extends CliContext {
  readonly out: () => string;
  readonly err: () => string;
  /** One entry for each write to stderr. */
  readonly errWrites: readonly string[];
  readonly echo: readonly boolean[];
  readonly readsOfAll: () => number;
  advance(durationMs: number): void;
}

export function createTestContext(options: TestContextOptions = {}): TestContext {
  const { env = {}, cwd = process.cwd(), terminal = false, columns = 80, stdin = "" } = options;
  const out: string[] = [];
  const err: string[] = [];
  const echo: boolean[] = [];
  let pending = stdin;
  let readsOfAll = 0;
  let nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const sink = (written: string[]) => ({
    write: (text: string) => void written.push(text),
    isTerminal: terminal,
    columns,
  });
  return {
    stdout: sink(out),
    stderr: sink(err),
    stdin: {
      isTerminal: terminal,
      async readLine() {
        if (pending === "") return undefined;
        const [line = ""] = pending.split("\n", 1);
        pending = pending.slice(line.length + 1);
        return line;
      },
      async readAll() {
        readsOfAll++;
        const rest = pending;
        pending = "";
        return rest;
      },
      setEcho: (shown) => void echo.push(shown),
    },
    env,
    cwd,
    clock: {
      now: () => nowMs,
      async sleep(durationMs) {
        nowMs += durationMs;
      },
    },
    signal: options.signal ?? new AbortController().signal,
    out: () => out.join(""),
    err: () => err.join(""),
    errWrites: err,
    echo,
    readsOfAll: () => readsOfAll,
    advance: (durationMs) => {
      nowMs += durationMs;
    },
  };
}
