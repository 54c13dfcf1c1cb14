import type { Dependency, Manifest } from "@cpm/model";
import { operationError } from "../errors.ts";

/**
 * Throws `package/single-instance` where one package is needed twice by one manifest and does not say that it may be
 * there several times.
 */
export function checkInstances(packages: readonly { readonly manifest: Manifest }[]): void {
  const manifests = new Map(packages.map(({ manifest }) => [manifest.name, manifest]));
  for (const { name: owner, version, dependencies } of manifests.values()) {
    for (const [name, entries] of Map.groupBy(dependencies, (entry) => entry.name)) {
      const target = manifests.get(name);
      if (entries.length < 2 || target === undefined || target.multiInstance) continue;
      const what = `${target.name}@${target.version.text}`;
      throw operationError(
        "package/single-instance",
        `${owner}@${version.text} needs ${name} several times (${entries.map(aliasOf).join(", ")}), and ${what} is not multi-instance`,
      );
    }
  }
}

function aliasOf({ alias, name }: Dependency): string {
  return `as ${alias ?? name}`;
}
