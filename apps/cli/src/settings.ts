import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parseDuration } from "@cpm/base";
import { readEnvironment } from "@cpm/colonies";
import type { RegistryAddress, Settings } from "@cpm/model";
import { parseSettings, readRegistryAddress, readVersion } from "@cpm/model";
import { withFileErrors } from "@cpm/store";
import type { CliContext } from "./context.ts";
import { readDevState } from "./dev/dev-state.ts";
import { cliError, usageError } from "./errors.ts";

/** Where everything is, after flags, environment, files and defaults. */
export interface ResolvedSettings {
  readonly registry: RegistryAddress | undefined;
  /** The same where a person chose it; the one of `cpm dev` is nobody's choice. */
  readonly configuredRegistry: RegistryAddress | undefined;
  readonly server: string | undefined;
  readonly colony: string | undefined;
  /** Of the server, where somebody said it: servers that are built plainly do not. */
  readonly colonyosVersion: string | undefined;
  /** Versions that were published more recently are left out, in milliseconds. */
  readonly minimumAgeMs: number | undefined;
  /** The user's private key; who needs it says what is missing. */
  readonly privateKey: string | undefined;
  /** The colony owner's, for the two commands that need it. Only ever from the environment or `cpm dev`. */
  readonly ownerKey: string | undefined;
  readonly packagesRoot: string;
  readonly credentialFile: string;
  /** What can be had again: listings and small contents of registries, programs that were built. */
  readonly cacheDirectory: string;
  readonly homeDirectory: string;
  /** Whether what is missing elsewhere was taken from the colony that `cpm dev` runs. */
  readonly usesDev: boolean;
}

/** The flags that every level of configuration bows to. */
export interface SettingFlags {
  readonly registry?: string | undefined;
  readonly server?: string | undefined;
  readonly colony?: string | undefined;
  readonly "colonyos-version"?: string | undefined;
  /** Milliseconds. */
  readonly "min-age"?: number | undefined;
}

const projectFileName = "cpm.config.yaml";

/**
 * Flag, then environment (`CPM_*` and ColonyOS's `COLONIES_*`), then the project's file, the user's, the system's, and
 * last the colony that `cpm dev` runs. Throws `settings/invalid` for a file with faults, `cli/usage` for a wrong flag.
 */
export function resolveSettings(context: CliContext, flags: SettingFlags): ResolvedSettings {
  const { env } = context;
  const folders = userFolders(env);
  const environment = readEnvironment(env);
  const levels = [
    levelOfFlags(flags),
    levelOfEnvironment(context, environment),
    ...[projectFile(context.cwd), join(folders.config, "config.yaml"), "/etc/cpm/config.yaml"].map(readLevel),
  ];
  const pick = <K extends keyof Settings>(key: K): Settings[K] | undefined =>
    levels.find((level) => level[key] !== undefined)?.[key];
  const dev = readDevState(folders.state);
  const server = pick("server");
  // The dev colony's keys are good for the dev colony only.
  const colonyIsDev = dev !== undefined && (server === undefined || server === dev.server);
  const keyFile = pick("keyFile");
  const registry = pick("registry");
  return {
    configuredRegistry: registry,
    registry: registry ?? (dev === undefined ? undefined : { host: dev.registry }),
    server: server ?? dev?.server,
    colony: pick("colony") ?? (colonyIsDev ? dev.colony : undefined),
    colonyosVersion: pick("colonyosVersion"),
    minimumAgeMs: pick("minAge"),
    privateKey:
      environment.privateKey ??
      (keyFile === undefined ? undefined : readKeyFile(keyFile)) ??
      (colonyIsDev ? dev.userKey : undefined),
    ownerKey: nonEmpty(env["COLONIES_COLONY_PRVKEY"]) ?? (colonyIsDev ? dev.ownerKey : undefined),
    packagesRoot: pick("packages") ?? join(folders.data, "packages"),
    credentialFile: join(folders.config, "credentials.json"),
    cacheDirectory: folders.cache,
    homeDirectory: folders.home,
    usesDev: dev !== undefined && (registry === undefined || colonyIsDev),
  };
}

export interface UserFolders {
  readonly home: string;
  readonly config: string;
  readonly data: string;
  readonly state: string;
  readonly cache: string;
}

/** The user's folders of cpm (XDG Base Directory Specification 0.8). A relative path in a variable is ignored. */
export function userFolders(env: CliContext["env"]): UserFolders {
  const home = nonEmpty(env["HOME"]) ?? homedir();
  const base = (name: string, fallback: string): string => {
    const set = nonEmpty(env[name]);
    return join(set !== undefined && isAbsolute(set) ? set : join(home, fallback), "cpm");
  };
  return {
    home,
    config: base("XDG_CONFIG_HOME", ".config"),
    data: base("XDG_DATA_HOME", ".local/share"),
    state: base("XDG_STATE_HOME", ".local/state"),
    cache: base("XDG_CACHE_HOME", ".cache"),
  };
}

function levelOfFlags(flags: SettingFlags): Settings {
  const { registry, server, colony, "colonyos-version": version, "min-age": minAge } = flags;
  return {
    ...(minAge === undefined ? {} : { minAge }),
    ...(version === undefined ? {} : { colonyosVersion: readColonyosVersion(version, "--colonyos-version") }),
    ...(registry === undefined ? {} : { registry: readAddress(registry, "--registry") }),
    ...(server === undefined ? {} : { server: readServer(server) }),
    ...(colony === undefined ? {} : { colony }),
  };
}

function levelOfEnvironment({ env, cwd }: CliContext, colonies: ReturnType<typeof readEnvironment>): Settings {
  const registry = nonEmpty(env["CPM_REGISTRY"]);
  const packages = nonEmpty(env["CPM_PACKAGES"]);
  const version = nonEmpty(env["CPM_COLONYOS_VERSION"]);
  const minAge = nonEmpty(env["CPM_MIN_AGE"]);
  return {
    ...(minAge === undefined ? {} : { minAge: readMinAge(minAge) }),
    ...(version === undefined ? {} : { colonyosVersion: readColonyosVersion(version, "CPM_COLONYOS_VERSION") }),
    ...(registry === undefined ? {} : { registry: readAddress(registry, "CPM_REGISTRY") }),
    ...(colonies.endpoint === undefined ? {} : { server: colonies.endpoint }),
    ...(colonies.colonyName === undefined ? {} : { colony: colonies.colonyName }),
    ...(packages === undefined ? {} : { packages: resolve(cwd, packages) }),
  };
}

function readMinAge(written: string): number {
  const durationMs = parseDuration(written);
  if (durationMs === undefined)
    throw usageError(`CPM_MIN_AGE is "${written}", which is not a duration`, "Such as 1d, 12h or 1h30m.");
  return durationMs;
}

/** Paths in a file are relative to the file. */
function readLevel(path: string | undefined): Settings {
  if (path === undefined || !existsSync(path)) return {};
  const text = withFileErrors("read", path, () => readFileSync(path, "utf8"));
  const { keyFile, packages, ...rest } = parseSettings({ path, text });
  const here = dirname(path);
  return {
    ...rest,
    ...(keyFile === undefined ? {} : { keyFile: resolve(here, keyFile) }),
    ...(packages === undefined ? {} : { packages: resolve(here, packages) }),
  };
}

/** The nearest project file, upwards from where the command runs. */
function projectFile(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, projectFileName);
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) return undefined;
  }
}

function readKeyFile(path: string): string {
  const found = withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined) throw cliError("cli/no-file", `there is no key file ${path}`);
  const { mode } = found;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw usageError(`the key file ${path} can be read by others`, `chmod 600 ${path}`);
  }
  return withFileErrors("read", path, () => readFileSync(path, "utf8")).trim();
}

function readAddress(text: string, where: string): RegistryAddress {
  const address = readRegistryAddress(text);
  if (address !== undefined) return address;
  throw usageError(
    `${where} is "${text}", which is not host[:port]`,
    "Such as registry.example.org or localhost:5000.",
  );
}

function readColonyosVersion(text: string, where: string): string {
  const version = readVersion(text.replace(/^v/, ""));
  if (version !== undefined) return version.text;
  throw usageError(`${where} is "${text}", which is not a version`, "Such as 1.9.12.");
}

function readServer(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "") return url.origin;
  throw usageError(`--server is "${text}", which is not an address`, "Such as http://localhost:50080.");
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
