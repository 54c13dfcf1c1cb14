/** Where packages come from, for every command that has to do with one: small, as it is loaded by all of them. */
export { bundleAccess } from "./bundle/bundle-access.ts";
export { CachingReader } from "./package/caching-reader.ts";
export { defaultFreshMs, PackageMetadata } from "./resolution/package-metadata.ts";
