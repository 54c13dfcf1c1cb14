/** What a command says to the world with. */
export interface CommandIo {
  /** Data. */
  readonly print: (text: string) => void;
  /** Messages. */
  readonly tell: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Answers the exit status. */
export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;
