export * from "./client.ts";
export * from "./credentials.ts";
export { registryClientErrors } from "./errors.ts";
export type { RegistryClientErrorCode } from "./errors.ts";
export { defaultLimits } from "./options.ts";
export type { Fetch, RegistryClientLimits, RegistryClientOptions } from "./options.ts";
export type { PackageInfo, PackageVersion, SearchOptions, SearchPage, SearchResult } from "./package-index.ts";
export type { Repository } from "./repository.ts";
