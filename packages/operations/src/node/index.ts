/** What puts packages on a node, without what installs them into a colony: that takes four times as long to load. */
export { describeDigest } from "../package/describe-digest.ts";
export { readPackageContents } from "../package/read-contents.ts";
export type { PackageContents } from "../package/read-contents.ts";
export type { OperationProgress, ReportProgress } from "../progress.ts";
export { PackageMetadata } from "../resolution/package-metadata.ts";
export { placePackage, replacePackage } from "./place-package.ts";
