/**
 * What names packages and their versions: an entry of its own for processes that stay, as what reads manifests brings the
 * parsers of YAML and of patterns.
 */
export { isPackageName, namePartPattern } from "./package-name.ts";
export type { PackageName } from "./package-name.ts";
export { maxSatisfying, parseRange, readRange, satisfies } from "./range.ts";
export type { Range } from "./range.ts";
export { formatSelector, isRegistryHost, parseReference } from "./reference.ts";
export type { PackageReference } from "./reference.ts";
export { compareVersions, readVersion, versionToTag } from "./version.ts";
export type { Version } from "./version.ts";
