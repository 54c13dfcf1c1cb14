/** Choosing versions and writing them down, without what installs them: that takes four times as long to load. */
export { dependencyView } from "./dependency-view.ts";
export type { DependencyView, ViewedDependency } from "./dependency-view.ts";
export { findOutdated } from "./outdated.ts";
export type { OutdatedPackage } from "./outdated.ts";
export { invertedTree, treeOf, whyChains } from "./dependency-graph.ts";
export type { TreeLine, WhyLink } from "./dependency-graph.ts";
export {
  compareLocks,
  lockFor,
  lockProject,
  readLockfile,
  readProject,
  readProjectLock,
  requireCurrentLock,
  writeProjectLock,
} from "./project-lock.ts";
export type { LockChange, LockRequest, Project } from "./project-lock.ts";
export { resolvePackages } from "./resolve-packages.ts";
export type { Resolution, ResolvedPackage } from "./resolve-packages.ts";
export { WorldFacts } from "./world-facts.ts";
export type { World } from "./world-facts.ts";
export { withdrawalWarnings } from "./withdrawals.ts";
