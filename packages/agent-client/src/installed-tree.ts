import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { createDigest, digestHex } from "@cpm/base";
import { maxSatisfying, parseRange, readVersion } from "@cpm/model/names";
import type { PackageReference, Version } from "@cpm/model/names";
import { canLockFiles, tryShareLock } from "@cpm/system";

/** A tree of the packages directory that this process keeps from collection by a lock on its file. */
export interface LockedTree {
  readonly path: string;
  readonly tree: Digest;
  readonly release: () => void;
}

const target = /\/trees\/sha256\/([0-9a-f]{64})\/root$/;
const anything = parseRange("*");

/**
 * Finds an installed version by one readlink and holds it by a shared lock, with no call and no agent. Undefined when
 * it is not here, or is being removed, or files cannot be locked.
 */
export function lockVersion(root: string, name: string, version: string): LockedTree | undefined {
  const hex = target.exec(readRef(join(root, "refs", name, version)) ?? "")?.[1];
  if (hex === undefined) return undefined;
  return lockTree(root, createDigest("sha256", hex));
}

/** The newest installed version that fits, for when no agent can say which one is meant. */
export function newestInstalled(root: string, { name, selector }: PackageReference): Version | undefined {
  if (selector.kind === "version") return selector.version;
  if (selector.kind === "digest") return undefined;
  const versions = entriesOf(join(root, "refs", name)).flatMap((text) => readVersion(text) ?? []);
  return maxSatisfying(versions, selector.kind === "range" ? selector.range : anything);
}

/** The lock first and then the look: collection takes a tree away only under the exclusive lock of the same file. */
export function lockTree(root: string, tree: Digest): LockedTree | undefined {
  if (!canLockFiles) return undefined;
  const hex = digestHex(tree);
  const folder = join(root, "trees/sha256", hex);
  const lock = shareLockIfThere(join(root, "locks", hex));
  if (lock === undefined) return undefined;
  if (existsSync(join(folder, "tree.json"))) return { path: join(folder, "root"), tree, release: () => lock.release() };
  lock.release();
  return undefined;
}

function shareLockIfThere(path: string) {
  return unlessAbsent(() => tryShareLock(path));
}

function readRef(path: string): string | undefined {
  return unlessAbsent(() => readlinkSync(path));
}

function entriesOf(path: string): readonly string[] {
  return unlessAbsent(() => readdirSync(path)) ?? [];
}

/** What is not there, or not for us, is not found; the agent says more about it. */
function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (["ENOENT", "ENOTDIR", "EACCES", "EINVAL"].includes(String(code))) return undefined;
    throw error;
  }
}
