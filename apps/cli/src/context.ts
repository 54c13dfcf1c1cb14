import type { Clock } from "@cpm/base";

/** Everything that a command may touch. Tests give one of their own; `main.ts` gives the process's. */
export interface CliContext {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly stdin: TextSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  /** Aborted by the first interrupt; a second one ends the process. */
  readonly signal: AbortSignal;
}

export interface TextSink {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Width in columns; 80 where it is not known. */
  readonly columns: number;
}

export interface TextSource {
  readonly isTerminal: boolean;
  /** One line without its end; undefined at the end of input. An interrupt rejects it. */
  readLine(): Promise<string | undefined>;
  /** All that is left, for passwords and files given as `-`. */
  readAll(): Promise<string>;
  /** Whether a terminal shows what is typed. */
  setEcho(shown: boolean): void;
}
