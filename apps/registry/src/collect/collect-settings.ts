/** When what nothing needs is collected. */
export interface CollectSettings {
  /**
   * For how long at least everything stays that somebody uploaded, mounted or was told of, and that is needed by nothing.
   * A client has so much time between its first layer and its manifest. Default 24 h.
   */
  readonly delayMs: number;
  /** How often it is looked for what is due. Default 10 min. */
  readonly intervalMs: number;
  /** For how long a manifest stays that has no tag; those that something needs, or are a version, stay. Default: for good. */
  readonly untaggedAfterMs: number;
}

export const defaultCollectSettings: CollectSettings = {
  delayMs: 24 * 60 * 60_000,
  intervalMs: 10 * 60_000,
  untaggedAfterMs: Number.POSITIVE_INFINITY,
};

/**
 * A promise is written down at most so often, and what was promised is collected so much later: the delay holds from the
 * last time that somebody was told, not from the last time that it was written.
 */
export function promiseSlackMs(delayMs: number): number {
  return delayMs / 24;
}
