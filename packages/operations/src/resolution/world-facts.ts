import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Executor } from "@cpm/colonies";
import type { Version } from "@cpm/model";
import { parseRange, parseVersion, readRange, readVersion } from "@cpm/model";
import type { Candidate, Dependency } from "@cpm/solver";
import type { Revision } from "../release/release-record.ts";

/** What there is to resolve against, beside packages. */
export interface World {
  readonly cpmVersion: string;
  /** `os/arch` of the node where payloads go. */
  readonly platform: string;
  /** Absent where no colony is asked, or where it is not to be looked at: then nothing is required of it. */
  readonly colony?: {
    readonly executors: readonly Executor[];
    readonly releases: readonly Revision[];
  };
}

const any = parseRange("*");
const there = parseVersion("1.0.0");

/**
 * Facts about the world as packages of the solver, so that a conflict with them is explained like any other: `@cpm`,
 * `@executor/<type>[/<arch>,…]`, `@release/<namespace>/<name>`. What a version requires becomes its dependencies on
 * them.
 */
export class WorldFacts {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The dependencies that `requires` of a manifest stands for. A version of ColonyOS is not told by the server. */
  dependenciesOf(requires: JsonObject): readonly Dependency[] {
    const { cpm, executors, releases } = requires;
    const range = typeof cpm === "string" ? readRange(cpm) : undefined;
    const own = range === undefined ? [] : [{ name: "@cpm", range }];
    if (this.#world.colony === undefined) return own;
    return [...own, ...executorFacts(executors), ...releaseFacts(releases)];
  }

  /** The versions of a fact: one when it holds, none when it does not. */
  versions(name: string): readonly Candidate[] {
    const [kind, ...rest] = name.split("/");
    if (kind === "@cpm") return [candidate(parseVersion(this.#world.cpmVersion))];
    if (kind === "@executor")
      return this.#hasExecutor(rest[0] ?? "", rest[1]?.split(",") ?? []) ? [candidate(there)] : [];
    if (kind === "@release") return this.#installed(rest.join("/")).map(candidate);
    throw new TypeError(`${name} is no fact`);
  }

  /** How a failure names a fact. */
  title(name: string): string {
    const [kind, ...rest] = name.split("/");
    if (kind === "@executor") {
      const [type = "", architectures] = rest;
      return `executor ${type}${architectures === undefined ? "" : ` on ${architectures.replaceAll(",", " or ")}`}`;
    }
    return kind === "@release" ? `an installed ${rest.join("/")}` : name.replace("@", "");
  }

  #hasExecutor(type: string, architectures: readonly string[]): boolean {
    const alive = this.#world.colony?.executors.filter((executor) => executor.state === "approved") ?? [];
    return alive.some((executor) => {
      if (executor.type !== type) return false;
      // An executor that does not say what it runs on may run on anything.
      const told = architecturesOf(executor);
      return architectures.length === 0 || told.length === 0 || told.some((entry) => architectures.includes(entry));
    });
  }

  #installed(name: string): readonly Version[] {
    const releases = this.#world.colony?.releases ?? [];
    return releases
      .filter(({ status }) => status.phase === "deployed")
      .flatMap(({ record }) => record.packages)
      .flatMap((entry) => (entry.name === name ? (readVersion(entry.version) ?? []) : []));
  }
}

function executorFacts(executors: JsonValue | undefined): readonly Dependency[] {
  return list(executors).flatMap(({ type, arch }) => {
    if (typeof type !== "string") return [];
    const architectures = Array.isArray(arch) ? arch.filter((entry: JsonValue) => typeof entry === "string") : [];
    const suffix = architectures.length === 0 ? "" : `/${architectures.toSorted().join(",")}`;
    return [{ name: `@executor/${type}${suffix}`, range: any }];
  });
}

function releaseFacts(releases: JsonValue | undefined): readonly Dependency[] {
  if (releases === undefined || !isJsonObject(releases)) return [];
  return Object.entries(releases).flatMap(([name, text]) => {
    const range = typeof text === "string" ? readRange(text) : undefined;
    return range === undefined ? [] : [{ name: `@release/${name}`, range }];
  });
}

function architecturesOf(executor: Executor): readonly string[] {
  return list(executor.capabilities["hardware"]).flatMap(({ architecture }) =>
    typeof architecture === "string" && architecture !== "" ? [architecture] : [],
  );
}

function list(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((entry: JsonValue) => isJsonObject(entry)) : [];
}

function candidate(version: Version): Candidate {
  return { version, dependencies: [] };
}
