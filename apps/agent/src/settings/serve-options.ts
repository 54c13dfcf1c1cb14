import { isAbsolute, resolve } from "node:path";
import { parseSizeBytes } from "@cpm/base";
import { isRegistryHost } from "@cpm/model/names";
import { anonymous, credentialFile, systemClock, userCredentials } from "@cpm/registry-client/access";
import type { CredentialSource } from "@cpm/registry-client/access";
import { SettingReader, UsageError } from "@cpm/service";
import type { SettingTexts } from "@cpm/service";
import { createLog } from "../operation/log.ts";
import { inheritedSocket } from "../operation/service-manager.ts";
import type { ServeOptions } from "../serve.ts";
import type { SettingName } from "./setting-table.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const maxMessageBytes = 4 * 1024 * 1024;
const maxPageSize = 1000;
/** A worker needs up to 128 MB, whatever the layer. */
const leastWorkerBytes = 128 * 1000 * 1000;
const maxUnusedMs = 10 * 366 * 24 * 60 * 60_000;
const maxLeaseMs = 366 * 24 * 60 * 60_000;

/** What the agent is started with. Throws `UsageError` for a setting that cannot be, with where it is from. */
export function toServeOptions(
  settings: SettingTexts<SettingName>,
  environment: Environment,
  write: (line: string) => void,
): ServeOptions {
  const reader = new SettingReader(settings);
  const inherited = inheritedSocket(environment, process.pid);
  const socketPath = reader.optional("socket", "an absolute path", isAbsolute);
  if (socketPath === undefined && inherited === undefined) throw new UsageError("--socket is missing");
  const level = reader.parsed("log", "off, errors or calls", (text) => oneOf(["off", "errors", "calls"], text));
  const log = level === "off" ? () => {} : createLog(write, () => systemClock.now());
  const maxLease = reader.duration("maxLease", maxLeaseMs);
  return {
    root: resolve(reader.required("root")),
    ...reader.parsed("registry", "the address of a registry", parseRegistry),
    credentials: credentialsOf(reader.optional("credentials", "an absolute path", isAbsolute), environment),
    trustPolicyPath: reader.optional("trustPolicy", "an absolute path", isAbsolute),
    platform: reader.optional("platform", "os/arch, such as linux/amd64", isPlatform) ?? currentPlatform(),
    socketPath,
    inheritedSocket: inherited,
    socketMode: reader.parsed("socketMode", "a mode such as 0660", parseMode),
    metricsAddress: reader.optional("metrics", "HOST:PORT or a path", isAddress),
    administrators: reader.parsedIfSet("administrators", "user ids such as 1000,1001", parseUids) ?? [],
    limits: {
      maxMessageBytes,
      maxPageSize,
      workerMemoryBytes: reader.parsed("workerMemory", "a size of at least 128MB", parseWorkerMemory),
      maxConcurrentEnsures: reader.parsed("maxEnsures", "a count from 1 to 64", parseCount),
      namespaceQuotaBytes: reader.text("namespaceQuota") === "off" ? undefined : reader.size("namespaceQuota"),
      defaultLeaseMs: reader.duration("defaultLease", maxLease),
      maxLeaseMs: maxLease,
    },
    executor: executorOf(reader),
    isolationRequired: reader.parsed("requireIsolation", "yes or no", parseYesOrNo),
    freshMs: reader.duration("fresh", maxLeaseMs),
    registryTimeoutMs: reader.duration("registryTimeout", 60 * 60_000),
    graceMs: reader.duration("grace", 60 * 60_000),
    keepUnusedMs: keepUnusedOf(reader),
    waterMarks: waterMarksOf(reader),
    scrubEveryMs: reader.text("scrubEvery") === "off" ? undefined : reader.duration("scrubEvery", maxUnusedMs),
    scrubBytesPerSecond: reader.parsed("scrubRate", "a size of at least 1MB", parseScrubRate),
    minFreeBytes: reader.parsed("minFree", "a size such as 100MB", parseSizeBytes),
    log,
    logged: (failed) => failed || level === "calls",
    clock: systemClock,
    environment,
  };
}

function keepUnusedOf(reader: SettingReader<SettingName>): number | undefined {
  return reader.text("keepUnused") === "off" ? undefined : reader.duration("keepUnused", maxUnusedMs);
}

function waterMarksOf(reader: SettingReader<SettingName>): ServeOptions["waterMarks"] {
  if (reader.text("highWater") === "off") return undefined;
  const high = reader.parsed("highWater", "a share such as 90%", parseShare);
  const low = reader.parsed("lowWater", "a share such as 80%", parseShare);
  if (low >= high) throw reader.fault("lowWater", "a share below the one of --high-water");
  return { high, low };
}

function parseShare(text: string): number | undefined {
  return /^[1-9]\d?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : undefined;
}

/** A colony is configured whole or not at all. */
function executorOf(reader: SettingReader<SettingName>): ServeOptions["executor"] {
  const server = reader.optional("colonyServer", "http://HOST:PORT", isServer);
  if (server === undefined) {
    for (const name of ["colony", "key", "executorName"] as const) {
      if (reader.optional(name, "", () => true) !== undefined) throw new UsageError("--colony-server is missing");
    }
    return undefined;
  }
  const isName = (text: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(text);
  reader.required("colony");
  return {
    server,
    colonyName: reader.optional("colony", "the name of a colony", isName) ?? "",
    keyPath: resolve(reader.required("key")),
    name: reader.optional("executorName", "the name of an executor", isName),
    installs: reader.parsed("installs", "yes or no", parseYesOrNo),
  };
}

function isServer(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "";
}

/** `HOST[:PORT]` or an address with its scheme, which says whether the registry speaks plain http. */
function parseRegistry(text: string): Pick<ServeOptions, "registry" | "plainHttp"> | undefined {
  if (isRegistryHost(text)) return { registry: text, plainHttp: undefined };
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "") return undefined;
  return { registry: url.host, plainHttp: url.protocol === "http:" };
}

/** A file by itself, or what a user has who logged in; nobody's home means no credentials. */
function credentialsOf(path: string | undefined, environment: Environment): CredentialSource {
  if (path !== undefined) return credentialFile(path, environment);
  // A user that only has a number, as in a container, has no home either.
  const { HOME: home, XDG_CONFIG_HOME: configuration } = environment;
  if (home === undefined) return anonymous;
  return userCredentials(`${configuration ?? `${home}/.config`}/cpm/credentials.json`, home, environment);
}

function parseMode(text: string): number | undefined {
  return /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function parseUids(text: string): readonly number[] | undefined {
  return /^\d{1,10}(,\d{1,10})*$/.test(text) ? text.split(",").map(Number) : undefined;
}

function parseCount(text: string): number | undefined {
  return /^[1-9]\d?$/.test(text) && Number(text) <= 64 ? Number(text) : undefined;
}

function parseWorkerMemory(text: string): number | undefined {
  const sizeBytes = parseSizeBytes(text);
  return sizeBytes !== undefined && sizeBytes >= leastWorkerBytes ? sizeBytes : undefined;
}

/** Slower ones look like a worker that hangs. */
function parseScrubRate(text: string): number | undefined {
  const sizeBytes = parseSizeBytes(text);
  return sizeBytes !== undefined && sizeBytes >= 1_000_000 ? sizeBytes : undefined;
}

function parseYesOrNo(text: string): boolean | undefined {
  return text === "yes" ? true : text === "no" ? false : undefined;
}

function isPlatform(text: string): boolean {
  return /^[a-z0-9]+\/[a-z0-9]+$/.test(text);
}

function isAddress(text: string): boolean {
  return text.startsWith("/") || /^(\[[0-9a-fA-F:]+\]|[^:/]+):\d{1,5}$/.test(text);
}

function oneOf<T extends string>(known: readonly T[], text: string): T | undefined {
  return known.find((entry) => entry === text);
}

const systems: Readonly<Record<string, string>> = { win32: "windows" };
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** This machine as packages name it. */
function currentPlatform(): string {
  return `${systems[process.platform] ?? process.platform}/${architectures[process.arch] ?? process.arch}`;
}
