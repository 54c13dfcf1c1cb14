import type { CollectSettings } from "./collect/collect-settings.ts";
import type { RegistryLimits } from "./limits.ts";
import type { MirrorOptions } from "./mirror/mirrors.ts";
import type { ScrubSettings } from "./scrub/scrub-job.ts";
import type { StorageOptions } from "./storage.ts";

export interface RegistryOptions extends StorageOptions {
  /**
   * `users` (default): who may do what is said by the users, namespaces and tokens of the database. `open`: everybody
   * may publish, which is for one machine, and only for a database without users.
   */
  readonly access?: "users" | "open";
  /** What clients reach it by, where that is not the address of their requests: `https://registry.example.org`. */
  readonly publicUrl?: string;
  readonly limits?: Partial<RegistryLimits>;
  readonly collect?: Partial<CollectSettings>;
  /** Blobs of this size or more are fetched from S3 by the client itself, by a redirect. Default: none. */
  readonly redirectFromBytes?: number;
  /** The namespaces that are other registries'. Default: none. */
  readonly mirrors?: MirrorOptions;
  /** Answers `/metrics` to everybody. Default false: to users and tokens. */
  readonly openMetrics?: boolean;
  /** Lets webhooks lead to private networks, and by http to this machine. Default false. */
  readonly privateWebhooks?: boolean;
  /** How everything that is kept is read again. Default: it is not. */
  readonly scrub?: ScrubSettings;
  readonly now?: () => number;
  /** One call for each request that ended, of those that are `logged`. */
  readonly log?: (entry: LogEntry) => void;
  /** Which requests are told to `log`, by the status that they were answered with. Default: all. */
  readonly logged?: (status: number) => boolean;
  /** Told when work that no request asks for fails; it is tried again at its next time. */
  readonly onJobFailure?: (job: string, error: unknown) => void;
}

export interface LogEntry {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly status: number;
  readonly address: string;
  /** The user, with the token's id where it was a token. */
  readonly actor?: string;
  /** Of the body that was answered, where its length was known. */
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly error?: string;
}
