import type { Digest } from "@cpm/base";
import type { ListedVersion } from "@cpm/registry-client";
import { readVersionListing } from "@cpm/registry-client";
import { operationError } from "../errors.ts";
import type { PackageAccess } from "../package/locate-package.ts";
import type { PackageListings, Versions } from "../resolution/package-metadata.ts";
import type { BundleSet } from "./bundle-set.ts";

/**
 * Packages from bundles alone: nobody is asked for anything. `registry` is the one that the person named or configured;
 * it must be the bundles', because packages of one registry never stand for those of another. Throws
 * `bundle/other-registry` and `bundle/several-registries`.
 */
export function bundleAccess(
  set: BundleSet,
  registry: string | undefined,
  surroundings: Pick<PackageAccess, "clock" | "scratch" | "report" | "signal">,
): PackageAccess {
  const defaultRegistry = chooseRegistry(set, registry);
  return {
    ...surroundings,
    ...(defaultRegistry === undefined ? {} : { defaultRegistry }),
    reader(host, name) {
      requireRegistry(set, host);
      return set.repository(host, name);
    },
    registry(host) {
      throw operationError("resolution/offline", `${host} is not asked: packages come from a bundle`);
    },
    metadata: new BundleListings(set),
  };
}

/** The registry whose packages are meant; undefined for bundles of nothing. */
export function chooseRegistry(set: BundleSet, registry: string | undefined): string | undefined {
  const { registries } = set;
  if (registry !== undefined) {
    requireRegistry(set, registry);
    return registry;
  }
  if (registries.length > 1)
    throw operationError("bundle/several-registries", `the bundles have packages of ${registries.join(" and ")}`);
  return registries[0];
}

function requireRegistry({ registries }: BundleSet, host: string): void {
  if (registries.includes(host) || registries.length === 0) return;
  throw operationError(
    "bundle/other-registry",
    `the packages in the bundle are of ${registries.join(", ")}, and ${host} is asked for`,
    { context: { expected: host, actual: registries } },
  );
}

/** What the bundles list, in place of what registries would. */
class BundleListings implements PackageListings {
  readonly #set: BundleSet;

  constructor(set: BundleSet) {
    this.#set = set;
  }

  versions(host: string, name: string): Versions {
    requireRegistry(this.#set, host);
    const listed = this.#set.bundles.flatMap(({ listings }) => {
      const document = listings.get(`${host}/${name}`);
      return document === undefined ? [] : readVersionListing(document);
    });
    const once = new Map<string, ListedVersion>(listed.map((entry) => [entry.version.text, entry]));
    return once.size === 0 ? undefined : [...once.values()];
  }

  async evidence(host: string, name: string, subject: Digest): Promise<readonly Digest[]> {
    const found = this.#set.packages.find(
      (entry) => entry.registry === host && entry.name === name && entry.digest === subject,
    );
    return found?.evidence ?? [];
  }

  /** Bundles are not written to. */
  forget(): void {}
}
