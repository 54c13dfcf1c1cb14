import type { AccessTokens } from "./access/access-token.ts";
import type { Accounts } from "./access/accounts.ts";
import type { Authenticator } from "./access/authenticator.ts";
import type { Gate } from "./access/gate.ts";
import type { IssuerKeys } from "./access/issuer-keys.ts";
import type { RateLimit } from "./access/rate-limit.ts";
import type { SignIn } from "./access/sign-in.ts";
import type { ChangeFeed } from "./changes/change-feed.ts";
import type { ChangeWatch } from "./changes/change-watch.ts";
import type { DownloadCounter } from "./downloads/download-counter.ts";
import type { RegistryLimits } from "./limits.ts";
import type { Metadata } from "./metadata.ts";
import type { Mirrors } from "./mirror/mirrors.ts";
import type { ObjectStorage } from "./objects/object-storage.ts";
import type { MetricSource } from "@cpm/service";
import type { Metrics } from "./operation/metrics.ts";
import type { Readiness } from "./operation/readiness.ts";
import type { Uploads } from "./uploads.ts";
import type { Deliveries } from "./webhooks/deliveries.ts";

/** What the routes work with. */
export interface RegistryParts {
  readonly metadata: Metadata;
  readonly objects: ObjectStorage;
  /** A GET of a blob of this size or more is sent on to the storage; infinite where none is. */
  readonly redirectFromBytes: number;
  readonly uploads: Uploads;
  readonly downloads: DownloadCounter;
  readonly changes: ChangeFeed;
  readonly changeWatch: ChangeWatch;
  readonly deliveries: Deliveries;
  /** Whether webhooks may lead to private networks. */
  readonly privateWebhooks: boolean;
  /** Undefined where nothing is mirrored. */
  readonly mirrors: Mirrors | undefined;
  readonly accounts: Accounts;
  readonly authenticator: Authenticator;
  readonly accessTokens: AccessTokens;
  readonly gate: Gate;
  readonly signIn: SignIn;
  readonly issuerKeys: IssuerKeys;
  readonly metrics: Metrics;
  /** What `/metrics` tells besides. */
  readonly metricSources: readonly MetricSource[];
  /** Who may read the metrics: every user and token, or everybody. */
  readonly openMetrics: boolean;
  readonly readiness: () => Promise<Readiness>;
  readonly rates: { readonly tokens: RateLimit; readonly publishes: RateLimit };
  readonly limits: RegistryLimits;
  readonly now: () => number;
}
