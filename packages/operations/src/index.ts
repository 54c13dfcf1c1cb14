export { bundleAccess } from "./bundle/bundle-access.ts";
export { BundleSet, openBundles } from "./bundle/bundle-set.ts";
export { createBundle } from "./bundle/create-bundle.ts";
export type { BundleRequest, CreatedBundle } from "./bundle/create-bundle.ts";
export { inspectBundle } from "./bundle/inspect-bundle.ts";
export type { BundledPackage, BundleSummary } from "./bundle/inspect-bundle.ts";
export { pushBundles } from "./bundle/push-bundle.ts";
export type { PushedPackage } from "./bundle/push-bundle.ts";
export { createBundleHandler, serveBundles } from "./bundle/serve-bundle.ts";
export type { BundleServer } from "./bundle/serve-bundle.ts";
export { verifyBundles } from "./bundle/verify-bundle.ts";
export type { VerifiedBundle } from "./bundle/verify-bundle.ts";
export { examine } from "./doctor.ts";
export type { CheckResult, DoctorTarget } from "./doctor.ts";
export { operationsErrors } from "./errors.ts";
export type { OperationProgress, ReportProgress } from "./progress.ts";
export { lintPackage, readPackageDirectory } from "./package/lint-package.ts";
export type { LintReport } from "./package/lint-package.ts";
export { collectPackages } from "./release/collect-packages.ts";
export { CachingReader } from "./package/caching-reader.ts";
export { defaultFreshMs, PackageMetadata } from "./resolution/package-metadata.ts";
export { dependencyView } from "./resolution/dependency-view.ts";
export type { DependencyView, ViewedDependency } from "./resolution/dependency-view.ts";
export { findOutdated } from "./resolution/outdated.ts";
export type { OutdatedPackage } from "./resolution/outdated.ts";
export { invertedTree, treeOf, whyChains } from "./resolution/dependency-graph.ts";
export type { TreeLine, WhyLink } from "./resolution/dependency-graph.ts";
export {
  compareLocks,
  lockFor,
  lockProject,
  readLockfile,
  readProject,
  readProjectLock,
  requireCurrentLock,
  writeProjectLock,
} from "./resolution/project-lock.ts";
export type { LockChange, LockRequest, Project } from "./resolution/project-lock.ts";
export { resolvePackages } from "./resolution/resolve-packages.ts";
export type { Resolution, ResolvedPackage } from "./resolution/resolve-packages.ts";
export { WorldFacts } from "./resolution/world-facts.ts";
export type { World } from "./resolution/world-facts.ts";
export { locatePackage, parsePackageSource, readLocatedPackage } from "./package/locate-package.ts";
export type { LocatedPackage, PackageAccess, PackageSource } from "./package/locate-package.ts";
export { packPackage } from "./package/pack-package.ts";
export type { PackedPackage } from "./package/pack-package.ts";
export { readPackage } from "./package/read-package.ts";
export type { PackageVariant } from "./package/read-package.ts";
export { placePackage } from "./node/place-package.ts";
export { publishPackage } from "./publish.ts";
export type { PublishedPackage } from "./publish.ts";
export { initColony, isColonyPrepared } from "./release/colony-init.ts";
export { executeInstall } from "./release/execute-install.ts";
export type { InstalledRelease } from "./release/execute-install.ts";
export type { CheckedRequirement, InstallPlan, PlannedPackage, PlannedResource } from "./release/install-plan.ts";
export { assertSamePlan, formatPlanFile, formatPlanSource, inputsOfPlan, parsePlanFile } from "./release/plan-file.ts";
export type { SavedPlan } from "./release/plan-file.ts";
export { prepareInstall } from "./release/prepare-install.ts";
export type { InstallRequest, PreparedInstall, ReleaseContext } from "./release/prepare-install.ts";
export { ReleaseBook } from "./release/release-book.ts";
export { readReleaseLogs } from "./release/release-logs.ts";
export type { LogsRequest, ReleaseLogEntry } from "./release/release-logs.ts";
export type { Revision } from "./release/release-record.ts";
export { readReleaseStatus } from "./release/release-status.ts";
export type { ReleaseStatus, ResourceStatus } from "./release/release-status.ts";
export { renderPackageAlone } from "./release/render-alone.ts";
export { uninstallRelease } from "./release/uninstall.ts";
export type { UninstallRequest, UninstallResult } from "./release/uninstall.ts";
export { waitForRelease } from "./release/wait-release.ts";
export type { WorkResult } from "./release/wait-release.ts";
export { scaffoldNames, scaffolds, writeScaffold } from "./scaffold/scaffold.ts";
export type { ScaffoldName } from "./scaffold/scaffold.ts";
