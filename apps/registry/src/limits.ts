/** What one registry takes from outside. Every limit is refused with an error that names it. */
export interface RegistryLimits {
  /** Default 100 GiB. */
  readonly maxBlobBytes: number;
  /** Uploads begun by one person within a day and not ended. Default 1000. */
  readonly maxOpenUploads: number;
  /** An upload of which nothing was heard for so long is ended, and no longer counted as open. Default 24 h. */
  readonly uploadExpiryMs: number;
  /** Requests for tokens from one address. Default 600. */
  readonly tokensPerMinute: number;
  /** Wrong passwords of one name from one address; of all names and tokens from there ten times as many. Default 20. */
  readonly failedSignInsPerMinute: number;
  /** Manifests pushed by one person. Default 1200. */
  readonly publishesPerMinute: number;
  /** Requests that wait for changes at one time. Default 1000. */
  readonly maxWaiting: number;
  /** Of them so many from one address. Default 100. */
  readonly maxWaitingOfAddress: number;
  /** Downloads within 90 days from which a package is much used, so that no new name may be mistyped for it. Default 1000. */
  readonly muchUsedFrom: number;
  /** How long changes stay in the feed. Default 90 days. */
  readonly changesKeptMs: number;
}

export const defaultLimits: RegistryLimits = {
  maxBlobBytes: 100 * 1024 ** 3,
  maxOpenUploads: 1000,
  uploadExpiryMs: 24 * 60 * 60_000,
  tokensPerMinute: 600,
  failedSignInsPerMinute: 20,
  publishesPerMinute: 1200,
  maxWaiting: 1000,
  maxWaitingOfAddress: 100,
  muchUsedFrom: 1000,
  changesKeptMs: 90 * 24 * 60 * 60_000,
};
