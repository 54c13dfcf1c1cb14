import { isCpmError, isJsonObject } from "@cpm/base";
import type { Digest, JsonObject } from "@cpm/base";
import { compareVersions, formatManifest, maxSatisfying, parseRange, resolveInputs, satisfies } from "@cpm/model";
import type { Dependency, GivenInput, Lockfile, Manifest, PackageReference, Range, Version } from "@cpm/model";
import type { Requirement } from "@cpm/solver";
import { operationError } from "../errors.ts";
import type { LocatedPackage, PackageAccess, PackageSource } from "../package/locate-package.ts";
import { describeDigest } from "../package/describe-digest.ts";
import { locatePackage, readLocatedPackage, registryOf } from "../package/locate-package.ts";
import type { PackageVariant } from "../package/read-package.ts";
import { activeDependencies } from "../resolution/active-dependencies.ts";
import { orderByDependency } from "../resolution/dependency-order.ts";
import { checkLockedDigest } from "../resolution/lock-packages.ts";
import type { Resolution, ResolvedPackage, ResolveRequest } from "../resolution/resolve-packages.ts";
import { resolvePackages } from "../resolution/resolve-packages.ts";
import { checkInstances } from "./check-instances.ts";
import { solveFacts } from "../resolution/solve-facts.ts";
import type { Withdrawal } from "../resolution/withdrawals.ts";
import { WorldFacts } from "../resolution/world-facts.ts";
import type { World } from "../resolution/world-facts.ts";

/** One package of a release. */
export interface ReleasePackage {
  readonly variant: PackageVariant;
  /** `host[:port]`; absent for files here. */
  readonly registry?: string;
  /** Whether it is the one that was asked for. */
  readonly root: boolean;
  /** What its registry says against it; absent for files here, and where nobody may be asked. */
  readonly withdrawal?: Withdrawal;
}

export interface CollectOptions {
  readonly world: World;
  /** The inputs of the package that is asked for: what its conditions leave out is not there. Default: all is kept. */
  readonly given?: readonly GivenInput[] | undefined;
  /** Versions that are already decided, as a saved plan has them. */
  readonly pins?: readonly { readonly name: string; readonly version: Version }[] | undefined;
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
  const needed = options.given === undefined ? root.manifest.dependencies : activeOf(root.manifest, options.given);
  checkAgreement([...read, root], root, needed);
  checkInstances([...read, root]);
  checkHeld([...read, root], options.world);
  const byName = new Map([...read, root].map((variant) => [variant.manifest.name as string, variant]));
  const needs = (variant: PackageVariant) => (variant === root ? needed : variant.manifest.dependencies);
  const withdrawals = new Map<string, Withdrawal>(resolution.packages.map((entry) => [entry.name, entry]));
  const ofRoot = await rootWithdrawal(chosen, root, access);
  return orderByDependency(byName, needs).map((variant) => {
    const registry = variant === root ? chosen.located.registry : resolution.registry;
    const withdrawal = variant === root ? ofRoot : withdrawals.get(variant.manifest.name);
    return {
      variant,
      root: variant === root,
      ...(registry === undefined ? {} : { registry }),
      ...(withdrawal === undefined ? {} : { withdrawal }),
    };
  });
}

/** One that was named exactly is installed without being listed: what is said against it has to be asked for. */
async function rootWithdrawal(
  { located: { registry, root } }: ChosenRoot,
  { manifest: { name } }: PackageVariant,
  { metadata }: PackageAccess,
): Promise<Withdrawal | undefined> {
  if (registry === undefined) return undefined;
  try {
    return (await metadata.versions(registry, name))?.find(({ digest }) => digest === root.digest);
  } catch (error) {
    if (isCpmError(error, "resolution/offline")) return undefined;
    throw error;
  }
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
  const usable = listed.filter((entry) => !entry.yanked).map((entry) => entry.version);
  const range = selector.kind === "range" ? selector.range : newestRange(usable.length === 0 ? versions : usable);
  // Nothing to choose from: finding it says so, and what there is.
  if (maxSatisfying(versions, range) === undefined) return { located: await locatePackage(source, access) };
  const requirements = [{ name, range, from: "the command line" }];
  const inputsOf = options.given === undefined ? undefined : { name, given: options.given };
  const resolution = await resolve(requirements, registry, access, options, { inputsOf });
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
  const needed = options.given === undefined ? manifest.dependencies : activeOf(manifest, options.given);
  const world = new WorldFacts(options.world);
  const facts = [
    ...world.releaseNeeds(formatRequires(manifest)),
    ...world.consents(manifest.name, manifest.version.text),
  ].map((fact) => ({ ...fact, from }));
  const packages = needed.map(({ name, version }) => ({ name, range: version, from }));
  if (packages.length === 0 && facts.length > 0) await solveFacts(facts, world);
  const requirements = packages.length === 0 ? [] : [...packages, ...facts];
  if (requirements.length === 0) return { registry: "", packages: [], work: { decisions: 0, attempts: 0, steps: 0 } };
  const registry = located.registry ?? access.defaultRegistry;
  if (registry === undefined) {
    throw operationError("package/no-registry", `no registry is configured to find what ${from} needs`);
  }
  return resolve(requirements, registry, access, options, {
    self: { name: manifest.name, version: manifest.version },
  });
}

async function resolve(
  requirements: readonly Requirement[],
  registry: string,
  access: PackageAccess,
  { world, lock, minimumAgeMs, pins = [] }: CollectOptions,
  more: Pick<ResolveRequest, "self" | "inputsOf">,
): Promise<Resolution> {
  const facts = new WorldFacts(world);
  const minimumAge = minimumAgeMs === undefined ? undefined : { minimumMs: minimumAgeMs, nowMs: access.clock.now() };
  const { self } = more;
  const pinned = pins
    .filter(({ name }) => name !== self?.name)
    .map(({ name, version }) => ({ name, range: parseRange(version.text), from: "the plan" }));
  const held = facts.heldByOthers().map(({ release, name, range }) => ({ name, range, from: `release "${release}"` }));
  const request = { requirements: [...requirements, ...pinned, ...held], registry, lock, minimumAge, ...more };
  try {
    return await resolvePackages(request, access.metadata, facts);
  } catch (error) {
    throw explainMissing(error);
  }
}

/** Where an executor that is not there is among the reasons, that is what can be mended. */
function explainMissing(error: unknown): unknown {
  if (!isCpmError(error, "solver/no-solution")) return error;
  const packages = error.context?.["packages"];
  const names = Array.isArray(packages) ? packages.map(String) : [];
  const details = { cause: error, context: error.context };
  if (names.some((name) => name.startsWith("@executor/")))
    return operationError("colony/missing-executor", error.message, details);
  if (names.some((name) => name.startsWith("@platform/")))
    return operationError("package/no-platform", error.message, details);
  return error;
}

function activeOf(manifest: Manifest, given: readonly GivenInput[]): readonly Dependency[] {
  if (manifest.dependencies.every(({ when }) => when === undefined)) return manifest.dependencies;
  return activeDependencies(manifest, resolveInputs(manifest.inputs, given));
}

function formatRequires(manifest: Manifest): JsonObject {
  const { requires } = formatManifest(manifest);
  return requires !== undefined && isJsonObject(requires) ? requires : {};
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
function checkAgreement(
  variants: readonly PackageVariant[],
  root: PackageVariant,
  needed: readonly Dependency[],
): void {
  const versions = new Map(variants.map(({ manifest }) => [manifest.name, manifest.version]));
  for (const variant of variants) {
    const { manifest } = variant;
    for (const { name, version: range } of variant === root ? needed : manifest.dependencies) {
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

/** Other releases keep what they need of the one that is replaced, also where nothing in it needs it any more. */
function checkHeld(variants: readonly PackageVariant[], world: World): void {
  for (const { release, name, range } of new WorldFacts(world).heldByOthers()) {
    const found = variants.find(({ manifest }) => manifest.name === name)?.manifest.version;
    if (found !== undefined && satisfies(found, range)) continue;
    const now = found === undefined ? "would not be there any more" : `would be ${found.text}`;
    throw operationError(
      "release/needed",
      `release "${release}" requires an installed ${name} ${range.text}, which ${now}`,
    );
  }
}
