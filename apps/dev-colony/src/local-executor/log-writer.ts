import { encodeUtf8 } from "@cpm/base";
import type { LocalExecutorLimits } from "./limits.ts";

type LogLimits = Pick<LocalExecutorLimits, "maxLogBytes" | "maxBatchBytes" | "maxBatchLines">;

/**
 * Sends lines as log entries, in the order in which they came, several in one call. While a call is under way the
 * next batch gathers. Memory is bounded by the limit on the whole log: what is beyond it is dropped, with a note.
 */
export class LogWriter {
  readonly #send: (message: string) => Promise<void>;
  readonly #limits: LogLimits;
  readonly #waiting: string[] = [];
  #sizeBytes = 0;
  #isCapped = false;
  #sending: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(send: (message: string) => Promise<void>, limits: LogLimits) {
    this.#send = send;
    this.#limits = limits;
  }

  add(line: string): void {
    if (this.#isCapped || this.#failure !== undefined) return;
    const text = `${line}\n`;
    this.#sizeBytes += encodeUtf8(text).length;
    this.#isCapped = this.#sizeBytes > this.#limits.maxLogBytes;
    this.#waiting.push(
      this.#isCapped ? `[the log ends here: it is limited to ${this.#limits.maxLogBytes} bytes]\n` : text,
    );
    this.#sending ??= this.#drain();
  }

  /** Resolves when everything was sent. Throws what kept it from being sent. */
  async end(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    // Lines of the same moment go together.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#send(this.#nextBatch());
    } catch (error) {
      this.#failure = { error };
      this.#waiting.length = 0;
    } finally {
      this.#sending = undefined;
    }
  }

  #nextBatch(): string {
    let sizeBytes = 0;
    let count = 0;
    for (const line of this.#waiting) {
      sizeBytes += encodeUtf8(line).length;
      if (count > 0 && (sizeBytes > this.#limits.maxBatchBytes || count >= this.#limits.maxBatchLines)) break;
      count++;
    }
    return this.#waiting.splice(0, count).join("");
  }
}
