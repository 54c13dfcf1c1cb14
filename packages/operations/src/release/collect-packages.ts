import { isCpmError } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { compareVersions, maxSatisfying, parseRange, satisfies } from "@cpm/model";
import type { Lockfile, PackageName, PackageReference, Range, Version } from "@cpm/model";
import type { Requirement } from "@cpm/solver";
import { operationError } from "../errors.ts";
import type { LocatedPackage, PackageAccess, PackageSource } from "../package/locate-package.ts";
import { describeDigest, locatePackage, readLocatedPackage, registryOf } from "../package/locate-package.ts";
import type { PackageVariant } from "../package/read-package.ts";
import { orderByDependency } from "../resolution/dependency-order.ts";
import { checkLockedDigest } from "../resolution/lock-packages.ts";
import type { Resolution, ResolvedPackage } from "../resolution/resolve-packages.ts";
import { resolvePackages } from "../resolution/resolve-packages.ts";
import { WorldFacts } from "../resolution/world-facts.ts";
import type { World } from "../resolution/world-facts.ts";

/** One package of a release. */
export interface ReleasePackage {
  readonly variant: PackageVariant;
  /** `host[:port]`; absent for files here. */
  readonly registry?: string;
  /** Whether it is the one that was asked for. */
  readonly root: boolean;
}

export interface CollectOptions {
  readonly world: World;
  /** Versions to keep where they fit; their digests are binding. */
  readonly lock?: Lockfile | undefined;
  /** Leaves out versions that were published more recently, in milliseconds. */
  readonly minimumAgeMs?: number | undefined;
}

/**
 * Reads a package and all that it needs, each after its own dependencies, the one that was asked for last. Versions are
 * chosen by the solver, over what the registry lists and what the colony offers; what the artifacts say of themselves
 * must agree with the listing. Throws `solver/no-solution`, `lock/…` and whatever finding and reading throw.
 */
export async function collectPackages(
  source: PackageSource,
  access: PackageAccess,
  options: CollectOptions,
): Promise<readonly ReleasePackage[]> {
  const { platform } = options.world;
  const chosen = await chooseRoot(source, access, options);
  const root = await readLocatedPackage(chosen.located, platform, access.signal);
  const resolution = chosen.resolution ?? (await resolveDependencies(root, chosen.located, access, options));
  const dependencies = resolution.packages.filter((entry) => entry.name !== root.manifest.name);
  const read = await Promise.all(
    dependencies.map((entry) => readResolved(entry, resolution.registry, access, options)),
  );
  checkAgreement([...read, root]);
  const byName = new Map([...read, root].map((variant) => [variant.manifest.name as string, variant]));
  return orderByDependency(byName, (variant) => variant.manifest.dependencies).map((variant) => {
    const registry = variant === root ? chosen.located.registry : resolution.registry;
    return { variant, root: variant === root, ...(registry === undefined ? {} : { registry }) };
  });
}

interface ChosenRoot {
  readonly located: LocatedPackage;
  /** There when the root's version was itself to be chosen, together with what it needs. */
  readonly resolution?: Resolution;
}

/** An exact version and files here are what they are; a range is the solver's to choose from. */
async function chooseRoot(source: PackageSource, access: PackageAccess, options: CollectOptions): Promise<ChosenRoot> {
  if (source.kind === "path") return { located: await locatePackage(source, access) };
  const { reference } = source;
  const { selector, name } = reference;
  if (selector.kind === "version" || selector.kind === "digest")
    return { located: await locatePackage(source, access) };
  const registry = registryOf(reference, access);
  const listed = (await access.metadata.versions(registry, name)) ?? [];
  const versions = listed.map((entry) => entry.version);
  const range = selector.kind === "range" ? selector.range : newestRange(versions);
  // Nothing to choose from: finding it says so, and what there is.
  if (maxSatisfying(versions, range) === undefined) return { located: await locatePackage(source, access) };
  const requirements = [{ name, range, from: "the command line" }];
  const resolution = await resolve(requirements, registry, access, options);
  const root = resolution.packages.find((entry) => entry.name === name);
  if (root === undefined) throw new TypeError("a solution holds what is required");
  const exact: PackageReference = { ...reference, registry, selector: { kind: "version", version: root.version } };
  return { located: await locateDigest(exact, root.digest, registry, access), resolution };
}

/** Any version, and a pre-release only where there is nothing else. */
function newestRange(versions: readonly Version[]): Range {
  const newest = versions.toSorted(compareVersions).at(-1);
  const stable = versions.some((version) => version.prerelease.length === 0);
  return parseRange(stable || newest === undefined ? "*" : newest.text);
}

async function resolveDependencies(
  root: PackageVariant,
  located: LocatedPackage,
  access: PackageAccess,
  options: CollectOptions,
): Promise<Resolution> {
  const { manifest } = root;
  const from = `${manifest.name}@${manifest.version.text}`;
  const requirements = manifest.dependencies.map(({ name, version }) => ({ name, range: version, from }));
  if (requirements.length === 0) return { registry: "", packages: [], work: { decisions: 0, attempts: 0, steps: 0 } };
  const registry = located.registry ?? access.defaultRegistry;
  if (registry === undefined) {
    throw operationError("package/no-registry", `no registry is configured to find what ${from} needs`);
  }
  return resolve(requirements, registry, access, options, { name: manifest.name, version: manifest.version });
}

async function resolve(
  requirements: readonly Requirement[],
  registry: string,
  access: PackageAccess,
  { world, lock, minimumAgeMs }: CollectOptions,
  self?: { readonly name: PackageName; readonly version: Version },
): Promise<Resolution> {
  const minimumAge = minimumAgeMs === undefined ? undefined : { minimumMs: minimumAgeMs, nowMs: access.clock.now() };
  const request = { requirements, registry, lock, minimumAge, ...(self === undefined ? {} : { self }) };
  try {
    return await resolvePackages(request, access.metadata, new WorldFacts(world));
  } catch (error) {
    throw explainMissing(error);
  }
}

/** Where an executor that is not there is among the reasons, that is what can be mended. */
function explainMissing(error: unknown): unknown {
  if (!isCpmError(error, "solver/no-solution")) return error;
  const packages = error.context?.["packages"];
  const missing = Array.isArray(packages) && packages.some((name) => String(name).startsWith("@executor/"));
  if (!missing) return error;
  return operationError("colony/missing-executor", error.message, { cause: error, context: error.context });
}

async function readResolved(
  { name, version, digest }: ResolvedPackage,
  registry: string,
  access: PackageAccess,
  { lock, world }: CollectOptions,
): Promise<PackageVariant> {
  if (lock !== undefined) checkLockedDigest(lock, { registry, name, version, digest });
  const reference: PackageReference = { registry, name, selector: { kind: "version", version } };
  const located = await locateDigest(reference, digest, registry, access);
  return readLocatedPackage(located, world.platform, access.signal);
}

async function locateDigest(
  reference: PackageReference,
  digest: Digest,
  registry: string,
  access: PackageAccess,
): Promise<LocatedPackage> {
  const source = access.reader(registry, reference.name);
  const root = await describeDigest(reference.name, digest, source, registry, access.signal);
  return { source, root, registry, reference };
}

/** A registry whose listing leaves out a need, or tells another range, is caught here: the artifacts have the last word. */
function checkAgreement(variants: readonly PackageVariant[]): void {
  const versions = new Map(variants.map(({ manifest }) => [manifest.name, manifest.version]));
  for (const { manifest } of variants) {
    for (const { name, version: range } of manifest.dependencies) {
      const version = versions.get(name);
      if (version !== undefined && satisfies(version, range)) continue;
      const found = version === undefined ? "is not among what was chosen" : `was chosen as ${version.text}`;
      throw operationError(
        "package/not-a-package",
        `${manifest.name}@${manifest.version.text} needs ${name} ${range.text}, which ${found}: the registry's listing is wrong`,
      );
    }
  }
}
