/** Signatures beside packages: to put them there and to read them, without what installs into a colony. */
export { readSignatures } from "./read-signatures.ts";
export { signPackage } from "./sign-package.ts";
export type { SignedPackage } from "./sign-package.ts";
export { readSigningKey, readTrustPolicy } from "./trust-files.ts";
