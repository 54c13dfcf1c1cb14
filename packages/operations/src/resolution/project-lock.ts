import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import type { Lockfile, Manifest } from "@cpm/model";
import { formatLockfile, lockfileName, parseLockfile } from "@cpm/model";
import { replaceFile, withFileErrors } from "@cpm/store";
import { operationError } from "../errors.ts";
import { isPackageDirectory, readPackageManifest } from "../package/package-directory.ts";
import type { PackageAccess } from "../package/locate-package.ts";
import { isCurrent, lockResolution } from "./lock-packages.ts";
import type { Resolution } from "./resolve-packages.ts";
import { resolvePackages } from "./resolve-packages.ts";
import { WorldFacts } from "./world-facts.ts";
import type { World } from "./world-facts.ts";

/** A package directory with its lockfile, where it has one. */
export interface Project {
  readonly root: string;
  readonly manifest: Manifest;
  readonly lock?: Lockfile;
}

/**
 * Versions hang on the manifest alone, so a package whose templates or files are not right yet has a lockfile too.
 * Throws what reading a manifest throws, and `lock/invalid`.
 */
export function readProject(root: string): Project {
  const manifest = readPackageManifest(root);
  const lock = readProjectLock(root);
  return { root, manifest, ...(lock === undefined ? {} : { lock }) };
}

/** Undefined when there is none. */
export function readProjectLock(root: string): Lockfile | undefined {
  const path = join(root, lockfileName);
  return existsSync(path) ? readLockfile(path) : undefined;
}

/** Throws `lock/invalid` and a file's error. */
export function readLockfile(path: string): Lockfile {
  const text = withFileErrors("read", path, () => readFileSync(path, "utf8"));
  return parseLockfile({ path: normalize(path), text });
}

/** The lockfile of a project as it must be for `--locked`: there, and made for the manifest as it is. */
export function requireCurrentLock({ root, manifest, lock }: Project): Lockfile {
  if (lock === undefined) throw operationError("lock/missing", `${root} has no ${lockfileName}`);
  if (isCurrent(lock, manifest)) return lock;
  throw operationError("lock/out-of-date", `${join(root, lockfileName)} was made for other dependencies`);
}

/** The lockfile that an installation from a directory goes by; a file and a directory without one have none. */
export function lockFor(
  path: string,
  flags: { readonly locked: boolean | undefined; readonly frozen: boolean | undefined },
): Lockfile | undefined {
  if (!isPackageDirectory(path)) return undefined;
  if (flags.locked === true) return requireCurrentLock(readProject(path));
  const lock = readProjectLock(path);
  if (lock === undefined && flags.frozen === true)
    throw operationError("lock/missing", `${path} has no ${lockfileName}`);
  return lock;
}

export interface LockRequest {
  readonly project: Project;
  /** Packages to move to their newest version; `all` moves everything. Default: none. */
  readonly update?: ReadonlySet<string> | "all";
  readonly minimumAgeMs?: number | undefined;
}

/** Resolves what a project needs and answers its new lockfile; nothing is written. */
export async function lockProject(
  { project, update, minimumAgeMs }: LockRequest,
  access: PackageAccess,
  world: World,
): Promise<{ readonly lock: Lockfile; readonly resolution: Resolution }> {
  const { manifest, lock } = project;
  const from = "colony.yaml";
  const requirements = manifest.dependencies.map(({ name, version }) => ({ name, range: version, from }));
  const registry = access.defaultRegistry;
  if (registry === undefined) throw operationError("package/no-registry", "no registry is configured to resolve with");
  const resolution = await resolvePackages(
    {
      requirements,
      registry,
      ...(update === "all" ? {} : { lock }),
      ...(update === undefined || update === "all" ? {} : { update }),
      minimumAge: minimumAgeMs === undefined ? undefined : { minimumMs: minimumAgeMs, nowMs: access.clock.now() },
      self: { name: manifest.name, version: manifest.version },
    },
    access.metadata,
    new WorldFacts(world),
  );
  return { lock: await lockResolution(manifest, resolution, access, { lock, update }), resolution };
}

export function writeProjectLock(root: string, lock: Lockfile): void {
  replaceFile(join(root, lockfileName), encodeUtf8(formatLockfile(lock)));
}

/** What a new lockfile changes, by name. */
export interface LockChange {
  readonly name: string;
  /** Absent for a package that is new. */
  readonly before?: string;
  /** Absent for one that is gone. */
  readonly after?: string;
}

export function compareLocks(before: Lockfile | undefined, after: Lockfile): readonly LockChange[] {
  const old = new Map((before?.packages ?? []).map(({ name, version }) => [name as string, version.text]));
  const now = new Map(after.packages.map(({ name, version }) => [name as string, version.text]));
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return names.flatMap((name): LockChange[] => {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === is) return [];
    return [{ name, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }];
  });
}
