import { stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";

export interface CapabilityReport {
  /** What is to be told now. */
  readonly read: () => JsonObject;
  readonly send: (capabilities: JsonObject, signal: AbortSignal) => Promise<void>;
  /** Calls back when something changed; the answer ends it. */
  readonly listen: (changed: () => void) => () => void;
  /** Told of the first of several failures in a row. */
  readonly onFailure: (error: unknown) => void;
  /** How long is waited for further changes, in milliseconds. Default a second. */
  readonly settleMs?: number;
}

/** Free space moves without anybody saying so. */
const everyMs = 60_000;
/** A colony in which the agent is not enrolled yet, or that does not answer. */
const retryMs = 5_000;
/** Who was removed and enrolled again has the capabilities that the owner gave. */
const repeatMs = 10 * 60_000;

/**
 * Tells a colony what the node has: at the start, shortly after each change, and where something moved by itself once a
 * minute. A failure harms nothing, and is tried again. The answer ends it.
 */
export function reportCapabilities(report: CapabilityReport): () => void {
  const reporter = new CapabilityReporter(report);
  const stopListening = report.listen(() => reporter.due(report.settleMs ?? 1000));
  reporter.due(0);
  return () => {
    stopListening();
    reporter.stop();
  };
}

class CapabilityReporter {
  readonly #report: CapabilityReport;
  readonly #ending = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #sending = false;
  #told = "";
  #toldAtMs = 0;
  #failing = false;

  constructor(report: CapabilityReport) {
    this.#report = report;
  }

  /** Reports in so long, or earlier if that was due already. */
  due(inMs: number): void {
    const atMs = performance.now() + inMs;
    if (this.#ending.signal.aborted || atMs >= this.#dueAtMs) return;
    clearTimeout(this.#timer);
    this.#dueAtMs = atMs;
    this.#timer = setTimeout(() => void this.#tell(), inMs);
  }

  stop(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
  }

  async #tell(): Promise<void> {
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    if (this.#sending) return this.due(retryMs);
    this.#sending = true;
    try {
      await this.#tellNews();
      this.#failing = false;
      this.due(everyMs);
    } catch (error) {
      if (!this.#failing && !this.#ending.signal.aborted) this.#report.onFailure(error);
      this.#failing = true;
      this.due(retryMs);
    } finally {
      this.#sending = false;
    }
  }

  async #tellNews(): Promise<void> {
    const capabilities = this.#report.read();
    const text = stringifyJson(capabilities);
    const nowMs = performance.now();
    if (text === this.#told && nowMs - this.#toldAtMs < repeatMs) return;
    await this.#report.send(capabilities, this.#ending.signal);
    this.#told = text;
    this.#toldAtMs = nowMs;
  }
}
