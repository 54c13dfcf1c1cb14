import { parseDuration } from "@cpm/base";
import { faultsError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { version } from "./name-schemas.ts";
import { isRegistryHost } from "./reference.ts";
import { objectOf } from "./schema/collections.ts";
import { text } from "./schema/scalars.ts";
import { converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import type { SourceFile } from "./source.ts";
import { parseVersion } from "./version.ts";
import { parseSource } from "./yaml.ts";

/** One level of configuration: a project's `cpm.config.yaml`, a user's or a system's `config.yaml`. */
export interface Settings {
  readonly registry?: RegistryAddress;
  readonly server?: string;
  readonly colony?: string;
  readonly colonyosVersion?: string;
  readonly keyFile?: string;
  /** Leaves out versions that were published more recently, in milliseconds. */
  readonly minAge?: number;
  readonly packages?: string;
}

/** `host[:port]`, and whether it was written with `http://`. */
export interface RegistryAddress {
  readonly host: string;
  /** Absent where the scheme was left out: then plain http is for this machine only. */
  readonly plainHttp?: boolean;
}

const registryAddress: Schema<RegistryAddress> = converted(
  text("host[:port]", { maxLength: 300 }),
  "host[:port]",
  readRegistryAddress,
  formatRegistryAddress,
  (value) => ({ message: `"${value}" is not host[:port]`, hint: "Such as registry.example.org or localhost:5000." }),
);

const settingsSchema = objectOf<Settings>("the settings", {
  registry: { schema: registryAddress, description: "Where packages are found that name no registry." },
  server: {
    schema: text("an address", { pattern: "https?://[^\\s/]+", maxLength: 300, patternHint: "http://host:port" }),
    description: "The ColonyOS server.",
  },
  colony: {
    schema: text("a colony's name", { pattern: "[A-Za-z0-9._-]{1,128}" }),
    description: "The colony that releases go to.",
  },
  colonyosVersion: {
    schema: converted(
      version,
      "a version",
      (value) => value.text,
      (text) => parseVersion(text),
      () => ({ message: "" }),
    ),
    description: "The version of ColonyOS, where the server does not tell it.",
  },
  keyFile: {
    schema: text("a path", { minLength: 1, maxLength: 1000 }),
    description: "A file with the user's private key, which nobody else can read.",
  },
  minAge: {
    schema: converted(
      text("a duration", { maxLength: 40 }),
      "a duration",
      parseDuration,
      (durationMs) => `${durationMs}ms`,
      (value) => ({ message: `"${value}" is not a duration`, hint: "Such as 1d, 12h or 1h30m." }),
    ),
    description: "Versions that were published more recently are left out: 1d.",
  },
  packages: {
    schema: text("a path", { minLength: 1, maxLength: 1000 }),
    description: "The directory of installed packages.",
  },
});

/** Reads one settings file. Throws `settings/invalid` with every fault, or what `parseSource` throws. */
export function parseSettings(file: SourceFile): Settings {
  const [document] = parseSource(file);
  if (document === undefined || (document.kind === "scalar" && document.value === null)) return {};
  const faults = new Faults();
  const settings = settingsSchema.parse(document, faults);
  if (settings !== undefined && faults.diagnostics.length === 0) return settings;
  throw faultsError("settings/invalid", faults.diagnostics);
}

/** `[http://|https://]host[:port]`; undefined for everything else. Inverse of `formatRegistryAddress`. */
export function readRegistryAddress(written: string): RegistryAddress | undefined {
  const match = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(written);
  const [, scheme, host = ""] = match ?? [];
  if (!isRegistryHost(host)) return undefined;
  return { host, ...(scheme === undefined ? {} : { plainHttp: scheme === "http" }) };
}

export function formatRegistryAddress({ host, plainHttp }: RegistryAddress): string {
  return plainHttp === undefined ? host : `${plainHttp ? "http" : "https"}://${host}`;
}
