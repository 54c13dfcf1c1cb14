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

/** The locked packages that have something newer, or are yanked; stable versions count, yanked ones do not. */
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
      // A yanked one is left for the newest that is not, which may be an older one.
      const kept = listed.find((entry) => entry.version.text === version.text)?.yanked === true ? undefined : version;
      const newest = newestOf(usable, kept);
      if (newest === undefined || newest.text === version.text) return [];
      const ranges = rangesOn(lock, name);
      const fitting = usable.filter((entry) => ranges.every((range) => satisfies(entry, range)));
      const wanted = newestOf(fitting, kept) ?? version;
      return [{ name, locked: version.text, wanted: wanted.text, newest: newest.text }];
    }),
  );
  return found.flat();
}

function newestOf(versions: readonly Version[], atLeast: Version | undefined): Version | undefined {
  let best = atLeast;
  for (const entry of versions) if (best === undefined || compareVersions(entry, best) > 0) best = entry;
  return best;
}

function rangesOn(lock: Lockfile, name: string): readonly Range[] {
  const all = [lock.requirements, ...lock.packages.map((entry) => entry.dependencies)];
  return all.flatMap((needs) => (needs[name] ?? []).map((need) => need.version));
}
