import type { Dependency, GivenInput, InputValues, PackageName } from "@cpm/model";
import { resolveInputs } from "@cpm/model";
import { operationError } from "../errors.ts";
import type { PackageVariant } from "../package/read-package.ts";
import { activeDependencies } from "../resolution/active-dependencies.ts";
import type { ReleasePackage } from "./collect-packages.ts";

/** A package of a release with inputs of its own. Most packages have one; a multi-instance package may have several. */
export interface PackageInstance {
  readonly entry: ReleasePackage;
  /** Absent for the one that everybody shares; else the path of aliases that leads to it. */
  readonly name?: string;
  readonly inputs: InputValues;
  /** What it needs by the name that its templates have for it. */
  readonly dependencies: ReadonlyMap<string, PackageInstance>;
}

/** What a package passes to one that it needs. */
export type PassInputs = (owner: PackageInstance, dependency: Dependency, target: PackageVariant) => GivenInput[];

/** A hostile manifest can double the instances at every step. */
const maxInstances = 1000;

interface Draft extends PackageInstance {
  readonly given: GivenInput[];
  inputs: InputValues;
  readonly dependencies: Map<string, PackageInstance>;
}

/**
 * From the root down: which packages are there, how often, and with which inputs. What a condition leaves out is not
 * there, nor what only it needs. An alias of a multi-instance package makes an instance of its own; everything else is
 * shared, and given inputs by all who need it. Answers each after those that it needs, the root last. Throws
 * `input/invalid`, `template/invalid` and `package/too-many-instances`.
 */
export function releaseInstances(
  packages: readonly ReleasePackage[],
  given: readonly GivenInput[],
  pass: PassInputs,
): readonly PackageInstance[] {
  const byName = new Map(packages.map((entry) => [entry.variant.manifest.name, entry]));
  const drafts = new Map<PackageName, Map<string, Draft>>();
  let count = 0;
  const draftOf = (entry: ReleasePackage, name: string | undefined): Draft => {
    const { name: packageName } = entry.variant.manifest;
    const all = drafts.get(packageName) ?? new Map<string, Draft>();
    drafts.set(packageName, all);
    const known = all.get(name ?? "");
    if (known !== undefined) return known;
    if (++count > maxInstances)
      throw operationError(
        "package/too-many-instances",
        `the release has more than ${maxInstances} instances of packages`,
      );
    const draft = { entry, ...(name === undefined ? {} : { name }), inputs: {}, given: [], dependencies: new Map() };
    all.set(name ?? "", draft);
    return draft;
  };
  const root = packages.at(-1);
  if (root !== undefined) draftOf(root, undefined).given.push(...given);
  // Everybody who needs a package stands after it, so its instances are complete when it is reached.
  for (const { variant } of packages.toReversed()) {
    const { manifest } = variant;
    for (const draft of drafts.get(manifest.name)?.values() ?? []) {
      draft.inputs = resolveInputs(manifest.inputs, draft.given);
      for (const dependency of activeDependencies(manifest, draft.inputs)) {
        const target = byName.get(dependency.name);
        if (target === undefined) throw new TypeError(`${dependency.name} was collected`);
        const instance = draftOf(target, instanceName(draft, dependency, target));
        instance.given.push(...pass(draft, dependency, target.variant));
        draft.dependencies.set(dependency.alias ?? dependency.name, instance);
      }
    }
  }
  return packages.flatMap(({ variant }) => [...(drafts.get(variant.manifest.name)?.values() ?? [])]);
}

/** `english` for the root's; below another package its own path stands in front: `rise.pipe.english`. */
function instanceName(owner: PackageInstance, { alias }: Dependency, target: ReleasePackage): string | undefined {
  if (alias === undefined || !target.variant.manifest.multiInstance) return undefined;
  if (owner.entry.root) return alias;
  return `${instancePath(owner.entry.variant.manifest.name, owner.name)}.${alias}`;
}

/** Stands before the names of its resources; no two instances have the same. */
export function instancePath(packageName: string, instance: string | undefined): string {
  const path = packageName.replace("/", ".");
  return instance === undefined ? path : `${path}.${instance}`;
}
