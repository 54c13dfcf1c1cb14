import type { Digest, JsonObject } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { Manifest } from "@cpm/model";
import type { PackageAccess } from "../package/locate-package.ts";
import { resolvePackages } from "./resolve-packages.ts";
import { WorldFacts } from "./world-facts.ts";
import type { World } from "./world-facts.ts";

/** What a version needs, and what that comes to now. */
export interface DependencyView {
  readonly dependencies: readonly ViewedDependency[];
  /** Why nothing is resolved: no registry is known, or the requirements cannot be met. */
  readonly problem?: { readonly code: string; readonly message: string };
}

export interface ViewedDependency {
  readonly name: string;
  readonly range: string;
  readonly alias?: string;
  readonly when?: string;
  readonly with?: JsonObject;
  /** Absent where nothing is resolved. */
  readonly resolved?: { readonly version: string; readonly digest: Digest };
}

/** Resolves the dependencies of a manifest, conditional ones too, at its registry or the configured one. */
export async function dependencyView(
  manifest: Manifest,
  host: string | undefined,
  access: PackageAccess,
  world: World,
): Promise<DependencyView> {
  const written = manifest.dependencies.map(({ name, version, alias, when, with: given }): ViewedDependency => ({
    name,
    range: version.text,
    ...(alias === undefined ? {} : { alias }),
    ...(when === undefined ? {} : { when }),
    ...(Object.keys(given).length === 0 ? {} : { with: given }),
  }));
  if (written.length === 0) return { dependencies: [] };
  const registry = host ?? access.defaultRegistry;
  if (registry === undefined)
    return { dependencies: written, problem: { code: "package/no-registry", message: "no registry is configured" } };
  const from = `${manifest.name}@${manifest.version.text}`;
  const requirements = manifest.dependencies.map(({ name, version }) => ({ name, range: version, from }));
  const self = { name: manifest.name, version: manifest.version };
  try {
    const { packages } = await resolvePackages(
      { requirements, registry, self },
      access.metadata,
      new WorldFacts(world),
    );
    const found = new Map(
      packages.map(({ name, version, digest }) => [name as string, { version: version.text, digest }]),
    );
    return {
      dependencies: written.map((entry) => {
        const resolved = found.get(entry.name);
        return resolved === undefined ? entry : { ...entry, resolved };
      }),
    };
  } catch (error) {
    // What cannot be resolved is told as such: the package itself is there to be shown.
    if (!isCpmError(error) || !told.has(error.code)) throw error;
    return { dependencies: written, problem: { code: error.code, message: error.message } };
  }
}

const told: ReadonlySet<string> = new Set([
  "solver/no-solution",
  "solver/unknown-package",
  "solver/limit",
  "package/dependency-cycle",
]);
