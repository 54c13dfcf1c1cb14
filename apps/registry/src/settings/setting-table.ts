import { ProgramSettings } from "@cpm/service";
import type { Setting, SettingReader } from "@cpm/service";

/** What can be set, each by a flag `--kebab-case`, a variable `CPM_REGISTRY_UPPER_CASE` and a key of the file. */
const settingTable = {
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

export type SettingName = keyof typeof settingTable;
export type RegistrySettingReader = SettingReader<SettingName>;

export const registrySettings: ProgramSettings<SettingName> = new ProgramSettings("CPM_REGISTRY", settingTable);
