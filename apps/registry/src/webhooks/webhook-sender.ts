import type { ClaimedDelivery, Deliveries } from "./deliveries.ts";
import type { WebhookMessage } from "./send-webhook.ts";
import { signedHeaders } from "./signature.ts";

export interface WebhookSenderParts {
  readonly deliveries: Deliveries;
  /** Answers the status. */
  readonly send: (message: WebhookMessage, signal: AbortSignal) => Promise<number>;
  readonly now: () => number;
  /** From 0 to 1, 1 excluded: what failed together is not to be tried again together. */
  readonly random: () => number;
  readonly onFailure: (error: unknown) => void;
}

/** What other replicas made due, and what is to be tried again, is found so soon. */
const pollMs = 1000;
const atOnce = 16;
/** For longer than an attempt may take. */
const leaseMs = 60_000;
/** With the pauses between them, about a day. */
const maxAttempts = 10;
const firstPauseMs = 30_000;
const longestPauseMs = 6 * 60 * 60_000;

/**
 * Delivers to webhooks what is due, several at once, each at least once: who dies after a delivery arrived and before
 * that was written down leaves it to be delivered again, under the same id. Receivers know it by that.
 */
export class WebhookSender {
  /** Of this process. */
  readonly attempts = { delivered: 0, failed: 0 };
  readonly #parts: WebhookSenderParts;
  readonly #stopping = new AbortController();
  readonly #underway = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #woken = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(parts: WebhookSenderParts) {
    this.#parts = parts;
  }

  /** From now on it looks for what is due. */
  start(): void {
    this.#timer ??= setInterval(() => this.wake(), pollMs);
    // Nothing that waits for this keeps a process from ending.
    this.#timer.unref();
    this.wake();
  }

  /** Something may be due. Nothing happens before `start`. */
  wake(): void {
    if (this.#timer === undefined) return;
    this.#woken.resolve();
    this.#running ??= this.deliverDue()
      .catch(this.#parts.onFailure)
      .finally(() => (this.#running = undefined));
  }

  /** Resolves when nothing is due and nothing under way. */
  async deliverDue(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#woken = Promise.withResolvers();
      const claimed = await this.#parts.deliveries.claim(atOnce - this.#underway.size, leaseMs);
      for (const delivery of claimed) this.#begin(delivery);
      if (this.#underway.size === 0) return;
      // There is room for more, or something new.
      await Promise.race([...this.#underway, this.#woken.promise]);
    }
  }

  /** What is under way is given back, for others or the next process. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await Promise.all([this.#running, ...this.#underway]);
  }

  #begin(delivery: ClaimedDelivery): void {
    const attempt = this.#attempt(delivery)
      .catch(this.#parts.onFailure)
      .finally(() => this.#underway.delete(attempt));
    this.#underway.add(attempt);
  }

  async #attempt(delivery: ClaimedDelivery): Promise<void> {
    const { deliveries, send, random } = this.#parts;
    const { signal } = this.#stopping;
    let status = 0;
    let answer: string;
    try {
      status = await send(this.#messageOf(delivery), signal);
      answer = describeStatus(status);
    } catch (error) {
      if (signal.aborted) return deliveries.giveBack(delivery);
      answer = describeFailure(error);
    }
    const arrived = status >= 200 && status < 300;
    this.attempts[arrived ? "delivered" : "failed"]++;
    if (arrived) return deliveries.delivered(delivery, answer);
    // 410: the receiver is gone and wants no more, as the specification has it.
    if (status === 410 || delivery.attempts >= maxAttempts) return deliveries.failed(delivery, answer, status === 410);
    return deliveries.putOff(delivery, pauseMs(delivery.attempts, random()), answer);
  }

  #messageOf({ id, url, secret, body }: ClaimedDelivery): WebhookMessage {
    const headers = {
      "content-type": "application/json",
      "user-agent": "cpm-registry",
      ...signedHeaders(secret, `msg_${id}`, this.#parts.now(), body),
    };
    return { url: new URL(url), headers, body };
  }
}

/** After so many attempts: 30 s, 90 s, and so on, up to 6 h, each by up to a fifth shorter or longer. */
function pauseMs(attempts: number, random: number): number {
  const pause = Math.min(firstPauseMs * 3 ** (attempts - 1), longestPauseMs);
  return Math.round(pause * (0.8 + 0.4 * random));
}

function describeStatus(status: number): string {
  return status >= 300 && status < 400 ? `status ${status}; redirects are not followed` : `status ${status}`;
}

/** By code where the system has one: its message may name addresses. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
