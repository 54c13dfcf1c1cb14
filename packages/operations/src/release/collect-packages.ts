import { readVersion } from "@cpm/model";
import type { Dependency, PackageName, Version } from "@cpm/model";
import { operationError } from "../errors.ts";
import type { LocatedPackage, PackageAccess, PackageSource } from "../package/locate-package.ts";
import { locatePackage, readLocatedPackage } from "../package/locate-package.ts";
import type { PackageVariant } from "../package/read-package.ts";

/** One package of a release. */
export interface ReleasePackage {
  readonly variant: PackageVariant;
  /** `host[:port]`; absent for files here. */
  readonly registry?: string;
  /** Whether it is the one that was asked for. */
  readonly root: boolean;
}

/**
 * Reads a package and all that it needs, each after its own dependencies, the one that was asked for last.
 * Dependencies name exact versions. Throws `package/dependency-…` errors and whatever finding and reading throw.
 */
export async function collectPackages(
  source: PackageSource,
  platform: string,
  access: PackageAccess,
): Promise<readonly ReleasePackage[]> {
  const located = await locatePackage(source, access);
  return new Collector(platform, access).collect(located);
}

class Collector {
  readonly #platform: string;
  readonly #access: PackageAccess;
  readonly #done = new Map<PackageName, ReleasePackage>();

  constructor(platform: string, access: PackageAccess) {
    this.#platform = platform;
    this.#access = access;
  }

  async collect(located: LocatedPackage): Promise<readonly ReleasePackage[]> {
    await this.#visit(located, []);
    return [...this.#done.values()];
  }

  async #visit(located: LocatedPackage, path: readonly PackageName[]): Promise<void> {
    const variant = await readLocatedPackage(located, this.#platform, this.#access.signal);
    const { name, dependencies } = variant.manifest;
    const here = [...path, name];
    if (path.includes(name)) {
      throw operationError("package/dependency-cycle", `packages need one another: ${here.join(" → ")}`);
    }
    for (const dependency of dependencies) {
      const version = exactVersion(dependency, name);
      if (!this.#done.has(dependency.name)) {
        // A dependency comes from the registry of the package that needs it.
        const registry = located.registry === undefined ? {} : { registry: located.registry };
        const reference = { ...registry, name: dependency.name, selector: { kind: "version" as const, version } };
        await this.#visit(await locatePackage({ kind: "reference", reference }, this.#access), here);
      }
      const found = this.#done.get(dependency.name)?.variant.manifest.version.text;
      if (found !== version.text) throw conflict(dependency.name, found ?? "nothing", version.text, name);
    }
    const { registry } = located;
    this.#done.set(name, { variant, root: path.length === 0, ...(registry === undefined ? {} : { registry }) });
  }
}

function exactVersion(dependency: Dependency, neededBy: PackageName): Version {
  const version = readVersion(dependency.version.text);
  if (version !== undefined) return version;
  const wanted = `${dependency.name}@${dependency.version.text}`;
  throw operationError("package/dependency-range", `${neededBy} needs ${wanted}: this cpm takes exact versions only`);
}

function conflict(name: string, present: string, wanted: string, by: string) {
  return operationError("package/dependency-conflict", `${name} is needed as ${present} and, by ${by}, as ${wanted}`);
}
