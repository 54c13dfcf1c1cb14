export * from "./errors.ts";
export { matchGlob, parseGlob } from "./glob.ts";
export type { Glob } from "./glob.ts";
export type * from "./input-definition.ts";
export { inputNoun } from "./input-rules.ts";
export * from "./input-value.ts";
export * from "./inputs.ts";
export { formatLockfile, formatNeeds, lockfileName, maxEvidence, parseLockfile, toNeeds } from "./lockfile.ts";
export type { LockedLayer, LockedPackage, LockedVariant, Lockfile, Need, Needs } from "./lockfile.ts";
export { manifestJsonSchema, manifestReference } from "./manifest-documents.ts";
export type {
  Dependency,
  ExecutorRequirement,
  GpuRequirement,
  Maintainer,
  Manifest,
  PayloadRule,
  Requirements,
} from "./manifest.ts";
export { formatManifest } from "./manifest.ts";
export { bundleMediaTypes, isEvidenceType, packageMediaTypes } from "./media-types.ts";
export { payloadPlatforms } from "./payload-platforms.ts";
export { readInputDefinitions } from "./read-input-definitions.ts";
export { resolverFacts } from "./resolver-facts.ts";
export * from "./package-config.ts";
export * from "./package-name.ts";
export * from "./parse-manifest.ts";
export { formatRange, maxSatisfying, parseRange, readRange, satisfies } from "./range.ts";
export type { Comparator, Range } from "./range.ts";
export * from "./reference.ts";
export { Secret } from "./secret.ts";
export { formatRegistryAddress, parseSettings, readRegistryAddress } from "./settings.ts";
export type { RegistryAddress, Settings } from "./settings.ts";
export * from "./source.ts";
export { compareVersions, formatVersion, parseVersion, readVersion, tagToVersion, versionToTag } from "./version.ts";
export type { Precedence, Version } from "./version.ts";
export { parseSource, sourceToJson } from "./yaml.ts";
export * from "./yank-mark.ts";
