const maxBatchBytes = 32 * 1024;
const maxLogBytes = 16 * 1024 * 1024;
const flushEveryMs = 100;

/**
 * Turns what a program prints into log entries: whole lines, several to an entry, in order, at most 16 MiB of a
 * process. Must be closed, which sends what is left.
 */
export class LogLines {
  readonly #send: (message: string) => Promise<void>;
  #pending = "";
  #sentBytes = 0;
  #sending: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: unknown;

  constructor(send: (message: string) => Promise<void>) {
    this.#send = send;
  }

  /** Takes one line, without its end. Resolves when there is room for more: a slow server slows the program down. */
  async add(line: string): Promise<void> {
    if (this.#sentBytes > maxLogBytes) return;
    this.#sentBytes += line.length + 1;
    this.#pending +=
      this.#sentBytes > maxLogBytes ? `… more than ${maxLogBytes} bytes: the rest is left out\n` : `${line}\n`;
    if (this.#pending.length >= maxBatchBytes) await this.#flush();
    else this.#timer ??= setTimeout(() => void this.#flush(), flushEveryMs);
  }

  /** Throws what sending threw: a log that is lost is told. */
  async close(): Promise<void> {
    await this.#flush();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const message = this.#pending;
    this.#pending = "";
    if (message !== "") {
      this.#sending = this.#sending
        .then(() => this.#send(message))
        .catch((error: unknown) => void (this.#failure ??= error));
    }
    await this.#sending;
  }
}
