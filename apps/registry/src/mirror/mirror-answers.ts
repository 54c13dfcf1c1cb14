import { isCpmError } from "@cpm/base";
import type { MirrorContent, MirrorMetrics } from "./mirror-metrics.ts";
import type { MirroredAnswer, MirrorRecords, Source } from "./mirror-records.ts";

/** What an upstream says, and how long ago it did where it cannot be asked now. */
export interface Answered<T> {
  readonly value: T;
  /** Undefined for what is fresh. */
  readonly staleMs?: number;
}

/** What is asked of an upstream, and answered by a text. */
export interface Question {
  readonly content: MirrorContent;
  readonly source: Source;
  /** With the source, the key of the answer. */
  readonly question: string;
  /** How long the answer is fresh, where that is longer than usual. */
  readonly freshMs?: number;
  /** Asks it: undefined is for what is not there (any more), `unchanged` for what still has the ETag. */
  readonly ask: (
    etag: string | undefined,
  ) => Promise<{ readonly answer: string; readonly etag?: string } | "unchanged" | undefined>;
}

/** What says nothing about the content. */
const passing: ReadonlySet<string> = new Set([
  "registry-server/upstream-unavailable",
  "registry-server/upstream-failed",
]);
/** How long whoever could be told something old waits for something new. */
const patienceMs = 5000;

/**
 * Answers of upstreams, kept for as long as they are fresh and asked for again afterwards, by one request for all who
 * want to know. While an upstream does not answer, or not soon, what it said before is given with its age; not so when
 * it refuses.
 */
export class MirrorAnswers {
  readonly #records: MirrorRecords;
  readonly #metrics: MirrorMetrics;
  readonly #freshMs: number;
  readonly #now: () => number;
  readonly #asking = new Map<string, Promise<Answered<string> | undefined>>();

  constructor(records: MirrorRecords, metrics: MirrorMetrics, freshMs: number, now: () => number) {
    this.#records = records;
    this.#metrics = metrics;
    this.#freshMs = freshMs;
    this.#now = now;
  }

  /** Undefined for what the upstream says is not there. Throws what `ask` does, where nothing is known. */
  async get(question: Question): Promise<Answered<string> | undefined> {
    const { content, source } = question;
    const known = await this.#records.answer(source, question.question);
    const freshMs = Math.max(this.#freshMs, question.freshMs ?? 0);
    if (known !== undefined && this.#now() - known.checkedAtMs < freshMs) {
      this.#metrics.answer(content, "hit");
      return { value: known.answer };
    }
    const key = `${source} ${question.question}`;
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(question, known).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return known === undefined ? asking : this.#within(asking, content, known);
  }

  /** What is asked goes on, and is there for who asks later. */
  async #within(
    asking: Promise<Answered<string> | undefined>,
    content: MirrorContent,
    known: MirroredAnswer,
  ): Promise<Answered<string> | undefined> {
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), patienceMs);
    asking.catch(() => undefined);
    const first = await Promise.race([asking, late]).finally(() => clearTimeout(timer));
    return first === "late" ? this.#stale(content, known) : first;
  }

  async #ask(question: Question, known: MirroredAnswer | undefined): Promise<Answered<string> | undefined> {
    const { content } = question;
    try {
      const found = await question.ask(known?.etag);
      this.#metrics.answer(content, "miss");
      return await this.#keep(question, found, known);
    } catch (error) {
      const passes = isCpmError(error) && passing.has(error.code);
      if (known === undefined || !passes) throw error;
      return this.#stale(content, known);
    }
  }

  #stale(content: MirrorContent, { answer, checkedAtMs }: MirroredAnswer): Answered<string> {
    this.#metrics.answer(content, "stale");
    return { value: answer, staleMs: this.#now() - checkedAtMs };
  }

  async #keep(
    { source, question }: Question,
    found: Awaited<ReturnType<Question["ask"]>>,
    known: MirroredAnswer | undefined,
  ): Promise<Answered<string> | undefined> {
    const now = this.#now();
    if (found === undefined) {
      if (known !== undefined) await this.#records.dropAnswer(source, question);
      return undefined;
    }
    if (found !== "unchanged") {
      const { answer, etag } = found;
      await this.#records.putAnswer(source, question, { answer, etag, checkedAtMs: now });
      return { value: answer };
    }
    if (known === undefined) throw new TypeError("only what is known can be unchanged");
    await this.#records.checkAnswer(source, question, now);
    return { value: known.answer };
  }
}
