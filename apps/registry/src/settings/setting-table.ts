/** What can be set, each by a flag `--kebab-case`, a variable `CPM_REGISTRY_UPPER_CASE` and a key of the file. */
export const settingTable = {
  data: { type: "text", value: "DIR", meaning: "where all is kept that no server has (made when it is not there)" },
  database: {
    type: "text",
    value: "URL",
    meaning: "keeps what is known in PostgreSQL: postgres://USER@HOST:5432/DATABASE?sslmode=verify-full",
  },
  databasePassword: { type: "text", value: "PASSWORD", secret: true, meaning: "the password of its user" },
  databaseConnections: { type: "count", default: "8", meaning: "connections to it at most" },
  listen: { type: "text", value: "HOST:PORT", default: "127.0.0.1:5000", meaning: "port 0 for any that is free" },
  publicUrl: {
    type: "text",
    value: "URL",
    meaning: "what clients reach it by, behind a proxy: https://registry.example.org",
  },
  s3Endpoint: { type: "text", value: "URL", meaning: "keeps blobs in S3: https://s3.example.org, without the bucket" },
  s3Bucket: { type: "text", value: "NAME", meaning: "the bucket, which must exist" },
  s3Region: { type: "text", value: "NAME", default: "us-east-1", meaning: "its region" },
  s3AccessKeyId: { type: "text", value: "ID", meaning: "the id of the access key" },
  s3SecretAccessKey: { type: "text", value: "SECRET", secret: true, meaning: "its secret" },
  s3Prefix: { type: "text", value: "PREFIX/", meaning: "what the name of every object begins with" },
  s3PathStyle: { type: "flag", meaning: "the bucket is in the path of addresses, not in the host's name" },
  redirectBlobs: { type: "flag", meaning: "clients fetch large blobs from S3 themselves, by redirects" },
  redirectMinSize: { type: "size", default: "1MiB", meaning: "the smallest blob that is redirected" },
  mirrors: {
    type: "list",
    flag: "mirror",
    value: "NAMESPACE=URL",
    meaning: "pulls a namespace through from another registry, acme=https://registry.example.org; repeatable",
  },
  mirrorCredentials: {
    type: "list",
    value: "HOST=USER:PASSWORD",
    secret: true,
    meaning: "who this registry is there, HOST=USER:PASSWORD",
  },
  mirrorFresh: { type: "duration", default: "60s", meaning: "how long their tags and lists are not asked for again" },
  mirrorMaxBytes: { type: "size", default: "10GiB", meaning: "what is kept of them; the least used leaves" },
  mirrorMaxAge: { type: "duration", default: "30d", meaning: "when of that leaves what nobody asks for" },
  open: { type: "flag", meaning: "everybody may publish: for a directory without users, on a loopback address" },
  openAnywhere: { type: "flag", meaning: "the same on any address" },
  tlsCert: { type: "text", value: "FILE", meaning: "the certificate chain, PEM" },
  tlsKey: { type: "text", value: "FILE", meaning: "its key, PEM" },
  trustProxy: { type: "flag", meaning: "the client's address is the last of X-Forwarded-For" },
  openMetrics: { type: "flag", meaning: "/metrics is for everybody, not for users and tokens only" },
  privateWebhooks: { type: "flag", meaning: "webhooks may lead to private networks, and by http to this machine" },
  log: { type: "text", value: "LEVEL", default: "errors", meaning: "off, errors or requests; JSON lines on stderr" },
  grace: { type: "duration", default: "10s", meaning: "how long requests may go on after a signal to stop" },
  maxBlobSize: { type: "size", default: "100GiB", meaning: "the largest blob" },
  maxOpenUploads: { type: "count", default: "1000", meaning: "uploads of one person begun in a day and not ended" },
  uploadExpiry: { type: "duration", default: "24h", meaning: "when an upload of which nothing is heard is ended" },
  collectDelay: { type: "duration", default: "24h", meaning: "for how long what nothing needs any more is kept" },
  collectInterval: { type: "duration", default: "10m", meaning: "how often it is looked for what is due to go" },
  collectUntaggedAfter: {
    type: "duration",
    value: "TIME|never",
    default: "never",
    meaning: "when a manifest goes that has no tag and that nothing needs; never a version",
  },
  scrubEvery: {
    type: "duration",
    value: "DURATION|off",
    default: "30d",
    meaning: "how long after one reading of all that is kept, to find damage, the next begins",
  },
  scrubRate: { type: "size", default: "20MB", meaning: "how much of it is read in a second" },
  tokensPerMinute: { type: "count", default: "600", meaning: "requests for tokens from one address" },
  failedSignInsPerMinute: { type: "count", default: "20", meaning: "wrong passwords of one name from one address" },
  publishesPerMinute: { type: "count", default: "1200", meaning: "manifests pushed by one person" },
} as const satisfies Record<string, Setting>;

export interface Setting {
  /** A `list` is a flag that may be repeated, a list in the file, and in a variable texts between spaces. */
  readonly type: "text" | "flag" | "count" | "size" | "duration" | "list";
  /** Without the dashes. Default: the name in kebab case. */
  readonly flag?: string;
  /** What stands for it in the help. Default: the type. */
  readonly value?: string;
  readonly default?: string;
  /** There is no flag for it, since flags are seen by everybody on a machine; and it is never shown. Default false. */
  readonly secret?: boolean;
  readonly meaning: string;
}

export type SettingName = keyof typeof settingTable;
export const settingNames = Object.keys(settingTable) as readonly SettingName[];

export function isSecret(name: SettingName): boolean {
  return (settingTable[name] as Setting).secret === true;
}

/** What stands in the place of a secret. */
export const hidden = "(not shown)";

/** A text as it may be shown: an address without the password that may be in it, also one that cannot be read. */
export function shownText(text: string): string {
  return text.replace(/(:\/\/[^:@/]*):.*@/, `$1:${hidden}@`);
}

export function flagOf(name: SettingName): string {
  return (settingTable[name] as Setting).flag ?? toKebabCase(name);
}

export function variableOf(name: SettingName): string {
  return `CPM_REGISTRY_${toKebabCase(name).replaceAll("-", "_").toUpperCase()}`;
}

function toKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The part of the help that is about settings. */
export function describeSettings(): string {
  return settingNames
    .map((name) => {
      const { type, meaning, value = type.toUpperCase(), ...rest } = settingTable[name] as Setting;
      if (isSecret(name)) return `  ${variableOf(name).padEnd(36)}${meaning}; this variable or the file only, no flag`;
      const flag = `--${flagOf(name)}${type === "flag" ? "" : ` ${value}`}`;
      return `  ${flag.padEnd(36)}${meaning}${rest.default === undefined ? "" : ` (default ${rest.default})`}`;
    })
    .join("\n");
}
