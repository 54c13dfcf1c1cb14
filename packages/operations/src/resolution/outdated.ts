import type { Lockfile, Range, Version } from "@cpm/model";
import { compareVersions, satisfies } from "@cpm/model";
import type { PackageListings } from "./package-metadata.ts";

export interface OutdatedPackage {
  readonly name: string;
  readonly locked: string;
  /** The newest version that everybody who needs it allows. */
  readonly wanted: string;
  readonly newest: string;
}

/** The locked packages that have something newer; stable versions count, yanked ones do not. */
export async function findOutdated(
  lock: Lockfile,
  registry: string,
  metadata: PackageListings,
): Promise<readonly OutdatedPackage[]> {
  const found = await Promise.all(
    lock.packages.map(async ({ name, version }): Promise<OutdatedPackage[]> => {
      const listed = (await metadata.versions(registry, name)) ?? [];
      const usable = listed
        .filter((entry) => !entry.yanked && (entry.version.prerelease.length === 0 || version.prerelease.length > 0))
        .map((entry) => entry.version);
      const newest = newestOf(usable, version);
      if (newest.text === version.text) return [];
      const ranges = rangesOn(lock, name);
      const wanted = newestOf(
        usable.filter((entry) => ranges.every((range) => satisfies(entry, range))),
        version,
      );
      return [{ name, locked: version.text, wanted: wanted.text, newest: newest.text }];
    }),
  );
  return found.flat();
}

function newestOf(versions: readonly Version[], atLeast: Version): Version {
  return versions.reduce((best, entry) => (compareVersions(entry, best) > 0 ? entry : best), atLeast);
}

function rangesOn(lock: Lockfile, name: string): readonly Range[] {
  const all = [lock.requirements, ...lock.packages.map((entry) => entry.dependencies)];
  return all.flatMap((needs) => (needs[name] ?? []).map((need) => need.version));
}
