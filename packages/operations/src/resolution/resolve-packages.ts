import type { Digest } from "@cpm/base";
import type { GivenInput, Lockfile, PackageName, Range, Version } from "@cpm/model";
import { isPackageName, maxSatisfying } from "@cpm/model";
import type { ListedDependency, ListedVersion } from "@cpm/registry-client";
import type { Candidate, Dependency, MinimumAge, Provider, Requirement, Unusable, Work } from "@cpm/solver";
import { isPending, solve } from "@cpm/solver";
import { operationError } from "../errors.ts";
import { orderByDependency } from "./dependency-order.ts";
import type { PackageListings, Versions } from "./package-metadata.ts";
import { withdrawalOf } from "./withdrawals.ts";
import type { Withdrawal } from "./withdrawals.ts";
import type { WorldFacts } from "./world-facts.ts";

export interface ResolveRequest {
  readonly requirements: readonly Requirement[];
  /** `host[:port]`: every package of a resolution comes from one registry. */
  readonly registry: string;
  /** Versions to keep where they fit. */
  readonly lock?: Lockfile | undefined;
  /** Locked packages to move; empty moves none. */
  readonly update?: ReadonlySet<string>;
  readonly minimumAge?: MinimumAge | undefined;
  /** The package whose dependencies are resolved, so that none of them needs another version of it. */
  readonly self?: { readonly name: string; readonly version: Version };
  /** The package whose inputs are known: what its conditions leave out is not resolved. Default: everything is. */
  readonly inputsOf?: { readonly name: string; readonly given: readonly GivenInput[] } | undefined;
}

/** What was chosen, each after those that it needs. */
export interface Resolution {
  readonly registry: string;
  readonly packages: readonly ResolvedPackage[];
  readonly work: Work;
}

export interface ResolvedPackage extends Withdrawal {
  readonly name: PackageName;
  readonly version: Version;
  readonly digest: Digest;
  readonly publishedAtMs?: number;
  readonly dependencies: readonly ListedDependency[];
}

/**
 * Chooses one version of every package that the requirements reach. Listings are asked for in parallel along the graph,
 * one level of depth in the time of one answer. Throws `solver/no-solution` with the derivation, and
 * `lock/other-registry` when the lockfile's packages came from another registry.
 */
export async function resolvePackages(
  request: ResolveRequest,
  metadata: PackageListings,
  world: WorldFacts,
): Promise<Resolution> {
  const { registry, requirements, update, minimumAge, self, inputsOf } = request;
  const locked = lockedVersions(request);
  // The language of conditions takes longer to load than everything else here.
  const evaluate = inputsOf === undefined ? undefined : await import("./active-dependencies.ts");
  const active = (name: string, listed: ListedVersion): readonly ListedDependency[] =>
    inputsOf?.name === name && evaluate !== undefined
      ? evaluate.activeListed(listed, name, inputsOf.given)
      : listed.dependencies;
  const prefetch = new Prefetch((name) => metadata.versions(registry, name), locked, active);
  for (const { name, range } of requirements) prefetch.begin(name, range);
  const provider: Provider = {
    versions(name) {
      if (name.startsWith("@")) return world.versions(name);
      const listed = metadata.versions(registry, name);
      return listed instanceof Promise
        ? listed.then((found) => toCandidates(name, found, world, active))
        : toCandidates(name, listed, world, active);
    },
    // A locked version is tried before its package is listed, and its needs are asked for by themselves.
    dependencies(name, version) {
      const listed = provider.versions(name);
      return isPending(listed)
        ? listed.then((found) => needsOf(found, version, registry))
        : needsOf(listed, version, registry);
    },
    title: (name) => (name.startsWith("@") ? world.title(name) : name),
    missing: (name) => world.missing(name),
  };
  const solution = await solve(requirements, provider, {
    locked,
    ...(update === undefined ? {} : { update }),
    ...(minimumAge === undefined ? {} : { minimumAge }),
    ...(self === undefined ? {} : { self }),
  });
  const chosen = new Map<PackageName, ResolvedPackage>();
  for (const [name, version] of solution.packages) {
    const listed = await metadata.versions(registry, name);
    const found = listed?.find((entry) => entry.version.text === version.text);
    if (!isPackageName(name) || found === undefined) throw vanished(name, version, registry);
    chosen.set(name, toResolved(name, found, active(name, found)));
  }
  return { registry, packages: orderByDependency(chosen, (entry) => entry.dependencies), work: solution.work };
}

/** The dependencies of a version that are wanted. */
type ActiveDependencies = (name: string, listed: ListedVersion) => readonly ListedDependency[];

/** Starts asking for what will be wanted: what the best fitting version of a package needs, and so on. */
class Prefetch {
  readonly #versions: (name: string) => Versions | Promise<Versions>;
  readonly #locked: ReadonlyMap<string, Version>;
  readonly #active: ActiveDependencies;
  readonly #begun = new Set<string>();

  constructor(
    versions: (name: string) => Versions | Promise<Versions>,
    locked: ReadonlyMap<string, Version>,
    active: ActiveDependencies,
  ) {
    this.#active = active;
    this.#versions = versions;
    this.#locked = locked;
  }

  begin(name: string, range: Range): void {
    if (name.startsWith("@") || this.#begun.has(name)) return;
    this.#begun.add(name);
    const listed = this.#versions(name);
    if (listed instanceof Promise) void listed.then((found) => this.#follow(name, found, range)).catch(() => {});
    else this.#follow(name, listed, range);
  }

  #follow(name: string, listed: Versions, range: Range): void {
    const usable = (listed ?? []).filter((entry) => !entry.yanked);
    const locked = this.#locked.get(name);
    const likely =
      locked ??
      maxSatisfying(
        usable.map((entry) => entry.version),
        range,
      );
    const found = usable.find((entry) => entry.version.text === likely?.text);
    const wanted = found === undefined ? [] : this.#active(name, found);
    for (const dependency of wanted) this.begin(dependency.name, dependency.range);
  }
}

function lockedVersions({ lock, registry }: ResolveRequest): ReadonlyMap<string, Version> {
  const other = lock?.packages.find((entry) => entry.registry !== registry);
  if (other !== undefined) {
    throw operationError(
      "lock/other-registry",
      `the lockfile has ${other.name} from ${other.registry}, and ${registry} is asked now`,
    );
  }
  return new Map((lock?.packages ?? []).map(({ name, version }) => [name, version]));
}

function toCandidates(
  name: string,
  listed: Versions,
  world: WorldFacts,
  active: ActiveDependencies,
): readonly Candidate[] | undefined {
  return listed?.map((entry): Candidate => {
    const { version, yanked, yankReason, publishedAtMs, requires, platforms } = entry;
    const facts = [...world.dependenciesOf(requires, platforms), ...world.consents(name, version.text)];
    const all: readonly Dependency[] = [...active(name, entry), ...facts];
    return {
      version,
      yanked,
      dependencies: all,
      ...(yankReason === undefined ? {} : { yankReason }),
      ...(publishedAtMs === undefined ? {} : { publishedAtMs }),
    };
  });
}

function needsOf(
  listed: readonly Candidate[] | undefined,
  version: Version,
  registry: string,
): readonly Dependency[] | Unusable {
  const found = listed?.find((entry) => entry.version.text === version.text);
  return found?.dependencies ?? { unusable: `is not at ${registry} any more` };
}

function toResolved(
  name: PackageName,
  listed: ListedVersion,
  dependencies: readonly ListedDependency[],
): ResolvedPackage {
  const { version, digest, publishedAtMs } = listed;
  const known = publishedAtMs === undefined ? {} : { publishedAtMs };
  return { name, version, digest, dependencies, ...known, ...withdrawalOf(listed) };
}

function vanished(name: string, version: Version, registry: string) {
  return operationError("package/not-found", `${registry} does not list ${name}@${version.text} any more`);
}
