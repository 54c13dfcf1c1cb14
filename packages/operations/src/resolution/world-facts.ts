import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Executor } from "@cpm/colonies";
import type { ExecutorRequirement } from "@cpm/model";
import { parseRange, parseVersion, readRange } from "@cpm/model";
import type { Candidate, Dependency } from "@cpm/solver";
import { describeExecutor, explainMissingExecutor, fittingExecutors } from "../release/executor-fit.ts";
import type { Revision } from "../release/release-record.ts";
import { InstalledPackages } from "./installed-packages.ts";

/** What there is to resolve against, beside packages. */
export interface World {
  readonly cpmVersion: string;
  /** `os/arch` of the node where payloads go. */
  readonly platform: string;
  /** Of the server, where it is known: a plain build does not tell it. Unknown, nothing is required of it. */
  readonly colonyosVersion?: string | undefined;
  /** Absent where no colony is asked, or where it is not to be looked at: then nothing is required of it. */
  readonly colony?: {
    readonly executors: readonly Executor[];
    readonly releases: readonly Revision[];
  };
  /** The release whose place is taken: what it has installed now does not count. */
  readonly replaces?: string | undefined;
}

const any = parseRange("*");
const there: Candidate = { version: parseVersion("1.0.0"), dependencies: [] };

/** A fact that holds or does not, with its words for a failure. */
interface Fact {
  readonly holds: boolean;
  readonly title: string;
  readonly missing: string;
}

/**
 * Facts about the world as packages of the solver, so that a conflict with them is explained like any other: `@cpm` and
 * `@colonyos` with their version, `@executor/…`, `@platform/…`, `@release/…`, `@absent/…` and `@consent/…`, which hold
 * or do not. What a version requires becomes its dependencies on them.
 */
export class WorldFacts {
  readonly #world: World;
  readonly #installed: InstalledPackages;
  /** By name. A fact is made when something first needs it; the solver asks for no other. */
  readonly #facts = new Map<string, Fact>();

  constructor(world: World) {
    this.#world = world;
    this.#installed = new InstalledPackages(world.colony?.releases ?? [], world.replaces);
  }

  /** The dependencies that `requires` of a manifest stands for, and the platforms that it has files for. */
  dependenciesOf(requires: JsonObject, platforms: readonly string[] = []): readonly Dependency[] {
    const { cpm, colonyos, executors } = requires;
    const own = rangeFact("@cpm", cpm);
    const { colony, colonyosVersion } = this.#world;
    if (colony === undefined) return own;
    return [
      ...own,
      ...(colonyosVersion === undefined ? [] : rangeFact("@colonyos", colonyos)),
      ...list(executors).flatMap((entry) => this.#executorFact(entry, colony.executors)),
      ...this.#platformFact(platforms),
      ...this.releaseNeeds(requires),
    ];
  }

  /** What `requires` asks of the releases of the colony: that some are there, and that some are not. */
  releaseNeeds({ releases, absent }: JsonObject): readonly Dependency[] {
    if (this.#world.colony === undefined) return [];
    return [
      ...rangesOf(releases).map(([name, range]) => {
        const fact = {
          holds: this.#installed.has(name, range),
          title: `an installed ${name}${range.text === "*" ? "" : ` ${range.text}`}`,
          missing: this.#installed.describe(name),
        };
        return this.#need(`@release/${name} ${range.text}`, fact);
      }),
      ...rangesOf(absent).map(([name, range]) => {
        const fact = {
          holds: !this.#installed.has(name, range),
          title: `a colony without ${name}${range.text === "*" ? "" : ` ${range.text}`}`,
          missing: this.#installed.describe(name),
        };
        return this.#need(`@absent/${name} ${range.text}`, fact);
      }),
    ];
  }

  /** The releases that may not stand beside this version of a package, as facts that do not hold. */
  consents(name: string, version: string): readonly Dependency[] {
    return this.#installed.objections(name, version).map(({ release, range }) => {
      const title = `a colony without release "${release}"`;
      const missing = `release "${release}" may not stand beside ${name}${range === "*" ? "" : ` ${range}`}`;
      return this.#need(`@consent/${release}/${name} ${range}`, { holds: false, title, missing });
    });
  }

  /** What other releases need of the one that is replaced. */
  heldByOthers(): ReturnType<InstalledPackages["heldByOthers"]> {
    return this.#installed.heldByOthers();
  }

  /** The versions of a fact: one when it holds, none when it does not. */
  versions(name: string): readonly Candidate[] {
    if (name === "@cpm") return [candidate(this.#world.cpmVersion)];
    if (name === "@colonyos") return [candidate(this.#world.colonyosVersion ?? "0.0.0")];
    return this.#fact(name).holds ? [there] : [];
  }

  /** How a failure names a fact. */
  title(name: string): string {
    if (name === "@colonyos") return "ColonyOS";
    return name === "@cpm" ? "cpm" : this.#fact(name).title;
  }

  /** What is the case where a fact does not hold. */
  missing(name: string): string {
    return name === "@colonyos" || name === "@cpm" ? `there is no ${this.title(name)}` : this.#fact(name).missing;
  }

  #executorFact(entry: JsonObject, executors: readonly Executor[]): readonly Dependency[] {
    const needed = readExecutor(entry);
    if (needed === undefined) return [];
    const title = describeExecutor(needed);
    const holds = fittingExecutors(needed, executors).length > 0;
    return [
      this.#need(`@${title.replace(" ", "/")}`, { holds, title, missing: explainMissingExecutor(needed, executors) }),
    ];
  }

  #platformFact(platforms: readonly string[]): readonly Dependency[] {
    if (platforms.length === 0) return [];
    const { platform } = this.#world;
    const title = `a node of ${platforms.join(" or ")}`;
    const missing = `this node is ${platform}`;
    return [this.#need(`@platform/${platforms.join(",")}`, { holds: platforms.includes(platform), title, missing })];
  }

  #need(name: string, fact: Fact): Dependency {
    this.#facts.set(name, fact);
    return { name, range: any };
  }

  #fact(name: string): Fact {
    const fact = this.#facts.get(name);
    if (fact === undefined) throw new TypeError(`${name} is no fact that was needed`);
    return fact;
  }
}

function readExecutor({ type, arch, memory, gpu }: JsonObject): ExecutorRequirement | undefined {
  if (typeof type !== "string") return undefined;
  const architectures = Array.isArray(arch) ? arch.filter((entry: JsonValue) => typeof entry === "string") : [];
  const { name, count, memory: each } = gpu !== undefined && isJsonObject(gpu) ? gpu : {};
  return {
    type,
    arch: architectures.toSorted(),
    ...(typeof memory === "string" ? { memory } : {}),
    ...(gpu === undefined
      ? {}
      : {
          gpu: {
            count: typeof count === "number" ? count : 1,
            ...(typeof name === "string" ? { name } : {}),
            ...(typeof each === "string" ? { memory: each } : {}),
          },
        }),
  };
}

function rangeFact(name: string, text: JsonValue | undefined): readonly Dependency[] {
  const range = typeof text === "string" ? readRange(text) : undefined;
  return range === undefined ? [] : [{ name, range }];
}

function rangesOf(value: JsonValue | undefined): readonly (readonly [string, Dependency["range"]])[] {
  if (value === undefined || !isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, text]) => {
    const range = typeof text === "string" ? readRange(text) : undefined;
    return range === undefined ? [] : [[name, range] as const];
  });
}

function list(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((entry: JsonValue) => isJsonObject(entry)) : [];
}

function candidate(version: string): Candidate {
  return { version: parseVersion(version), dependencies: [] };
}
