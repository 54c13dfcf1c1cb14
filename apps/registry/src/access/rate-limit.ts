interface Bucket {
  tokens: number;
  at: number;
}

const maxKeys = 10_000;
const minuteMs = 60_000;

/**
 * A token bucket for each key: `perMinute` of them at once, and as many again in a minute. It remembers a bounded
 * number of keys; the one that was quiet for longest is forgotten, which at worst lets it begin anew.
 */
export class RateLimit {
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /** Takes one; answers how many seconds to wait when there is none, and 0 when there was. */
  take(key: string): number {
    const bucket = this.#bucket(key);
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / this.#perMinute) * (minuteMs / 1000));
    bucket.tokens -= 1;
    return 0;
  }

  /** As `take`, and takes none. */
  wait(key: string): number {
    const bucket = this.#bucket(key);
    return bucket.tokens >= 1 ? 0 : Math.ceil(((1 - bucket.tokens) / this.#perMinute) * (minuteMs / 1000));
  }

  #bucket(key: string): Bucket {
    const now = this.#now();
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: this.#perMinute, at: now };
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + ((now - bucket.at) / minuteMs) * this.#perMinute);
    bucket.at = now;
    // In the order of their last use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > maxKeys && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
