export { isLoopback } from "./allowed-url.ts";
export * from "./client.ts";
export * from "./credentials.ts";
export { registryClientErrors } from "./errors.ts";
export type { RegistryClientErrorCode } from "./errors.ts";
export { defaultLimits, systemClock } from "./options.ts";
export type { Fetch, RegistryClientLimits, RegistryClientOptions } from "./options.ts";
export type {
  PackageInfo,
  PackageVersion,
  SearchFilters,
  SearchOptions,
  SearchPage,
  SearchResult,
} from "./package-index.ts";
export type { FetchedManifest, Repository, RepositoryOptions } from "./repository.ts";
export { textToSign } from "./sign-in.ts";
export type { SignInOptions, SignPurpose, SignedIn, Signer } from "./sign-in.ts";
export { credentialFile, userCredentials } from "./credential-files.ts";
export { parseDockerConfig } from "./docker-config.ts";
export type { DockerConfig } from "./docker-config.ts";
export type { IndexDocument } from "./index-document.ts";
export { formatReadVersion, readVersionListing, versionsFromTags } from "./package-versions.ts";
export { readManifest, readVersions } from "./read-versions.ts";
export type { ContentReader, ReadVersion } from "./read-versions.ts";
export type { ListedDependency, ListedVersion, VersionListing } from "./package-versions.ts";
export type { DeprecationNotice } from "./withdrawals.ts";
