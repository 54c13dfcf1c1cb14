import { readFileSync } from "node:fs";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SettingReader } from "@cpm/service";
import type { SettingTexts } from "@cpm/service";
import { UsageError } from "@cpm/service";
import type { CollectSettings } from "../collect/collect-settings.ts";
import { registryError } from "../errors.ts";
import type { LogEntry } from "../registry-options.ts";
import type { ScrubSettings } from "../scrub/scrub-job.ts";
import type { ServeOptions, TlsFiles } from "../serve.ts";
import type { S3Settings } from "../objects/s3-settings.ts";
import { needsDirectory } from "../storage.ts";
import type { StorageOptions } from "../storage.ts";
import { readPostgres } from "./postgres-options.ts";
import { readMirrors } from "./mirror-options.ts";
import { readS3, redirects } from "./s3-options.ts";
import type { RegistrySettingReader, SettingName } from "./setting-table.ts";

/** What the server is started with. Throws `UsageError` for a setting that cannot be, with where it is from. */
export function toServeOptions(
  settings: SettingTexts<SettingName>,
  write: (line: string) => void,
): ServeOptions & { readonly collect: CollectSettings; readonly scrub: ScrubSettings } {
  const reader = new SettingReader(settings);
  const publicUrl = reader.optional("publicUrl", "an address such as https://registry.example.org", isHttpAddress);
  const log = reader.optional("log", "off, errors or requests", isLogLevel) ?? "errors";
  const tls = readTls(reader.text("tlsCert"), reader.text("tlsKey"));
  const s3 = readS3(reader);
  const openAnywhere = reader.flag("openAnywhere");
  return {
    ...readStorage(reader, s3),
    ...readListen(reader),
    access: openAnywhere || reader.flag("open") ? "open" : "users",
    openAnywhere,
    trustProxy: reader.flag("trustProxy"),
    openMetrics: reader.flag("openMetrics"),
    privateWebhooks: reader.flag("privateWebhooks"),
    graceMs: reader.duration("grace"),
    limits: {
      maxBlobBytes: reader.size("maxBlobSize"),
      maxOpenUploads: reader.count("maxOpenUploads"),
      uploadExpiryMs: reader.duration("uploadExpiry"),
      tokensPerMinute: reader.count("tokensPerMinute"),
      failedSignInsPerMinute: reader.count("failedSignInsPerMinute"),
      publishesPerMinute: reader.count("publishesPerMinute"),
    },
    ...(publicUrl === undefined ? {} : { publicUrl }),
    mirrors: readMirrors(reader),
    ...(redirects(reader, s3) ? { redirectFromBytes: reader.size("redirectMinSize") } : {}),
    collect: readCollect(reader),
    scrub: readScrub(reader),
    ...logging(log, write),
    ...(tls === undefined ? {} : { tls }),
  };
}

function readStorage(reader: RegistrySettingReader, s3: S3Settings | undefined): StorageOptions {
  const [dataDirectory, postgres] = [reader.text("data") ?? "", readPostgres(reader)];
  const storage = {
    ...(dataDirectory === "" ? {} : { dataDirectory }),
    ...(postgres === undefined ? {} : { postgres }),
    ...(s3 === undefined ? {} : { s3 }),
  };
  if (dataDirectory === "" && needsDirectory(storage)) throw new UsageError("--data is missing");
  return storage;
}

function readListen(reader: RegistrySettingReader): { readonly hostname: string; readonly port: number } {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(reader.text("listen") ?? "");
  if (match === null || Number(match[2]) > 65_535) throw reader.fault("listen", "HOST:PORT");
  return { hostname: (match[1] ?? "").replace(/^\[|\]$/g, ""), port: Number(match[2]) };
}

function readCollect(reader: RegistrySettingReader): CollectSettings {
  const never = reader.text("collectUntaggedAfter") === "never";
  const intervalMs = reader.duration("collectInterval");
  if (intervalMs < minIntervalMs) throw reader.fault("collectInterval", "a duration of at least 1s");
  return {
    delayMs: reader.duration("collectDelay", maxLongDurationMs),
    intervalMs,
    untaggedAfterMs: never ? Number.POSITIVE_INFINITY : reader.duration("collectUntaggedAfter", maxLongDurationMs),
  };
}

function readScrub(reader: RegistrySettingReader): ScrubSettings {
  const off = reader.text("scrubEvery") === "off";
  return {
    bytesPerSecond: reader.size("scrubRate"),
    everyMs: off ? undefined : reader.duration("scrubEvery", maxLongDurationMs),
  };
}

const maxDurationMs = 24 * 60 * 60_000;
const minIntervalMs = 1000;
const maxLongDurationMs = 366 * maxDurationMs;

function isHttpAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "" && url.hash === "";
}

function isLogLevel(text: string): boolean {
  return ["off", "errors", "requests"].includes(text);
}

function logging(level: string, write: (line: string) => void): Pick<ServeOptions, "log" | "logged" | "onJobFailure"> {
  if (level === "off") return {};
  const writeLine = (line: object): void => write(`${JSON.stringify(line)}\n`);
  const log = (entry: LogEntry): void => writeLine(entry);
  const onJobFailure = (job: string, error: unknown): void =>
    writeLine({ job, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return level === "requests" ? { log, onJobFailure } : { log, onJobFailure, logged: (status) => status >= 500 };
}

/** Read and compared here, so that a wrong pair is found before a client finds it. Throws `registry-server/tls`. */
function readTls(certPath: string | undefined, keyPath: string | undefined): TlsFiles | undefined {
  if (certPath === undefined && keyPath === undefined) return undefined;
  if (certPath === undefined || keyPath === undefined)
    throw new UsageError("--tls-cert and --tls-key are needed together");
  try {
    const [cert, key] = [readFileSync(certPath, "utf8"), readFileSync(keyPath, "utf8")];
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      throw new Error("they do not belong together");
    return { cert, key };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw registryError("registry-server/tls", `${certPath} and ${keyPath}: ${why}`, undefined, cause);
  }
}
