import type { Digest } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { LockedPackage } from "@cpm/model";
import { versionToTag } from "@cpm/model";
import type { Descriptor, StoreReader } from "@cpm/oci";
import { copyGraph } from "@cpm/store";
import type { Repository, RepositoryOptions } from "@cpm/registry-client";
import { operationError } from "../errors.ts";
import type { PackageAccess } from "../package/locate-package.ts";
import type { BundleSet } from "./bundle-set.ts";
import { chooseRegistry } from "./bundle-access.ts";

export interface PushedPackage {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  /** Whether the registry had exactly this already. */
  readonly present: boolean;
  readonly evidence: number;
  readonly sentBytes: number;
}

/**
 * Puts everything that bundles hold into a registry, each package after those that it needs and its signatures after it.
 * What is there already is not sent again; a version that the registry has with other bytes is refused by it. Throws
 * `bundle/partial` before anything is sent when only some platforms are here.
 */
export async function pushBundles(
  set: BundleSet,
  to: string,
  access: Pick<PackageAccess, "registry" | "report" | "signal">,
  from?: string,
  options: RepositoryOptions = {},
): Promise<readonly PushedPackage[]> {
  const registry = chooseRegistry(set, from);
  const partial = set.bundles.find(({ document }) => document.platforms !== undefined);
  if (partial?.document.platforms !== undefined) {
    throw operationError("bundle/partial", `${partial.path} holds ${partial.document.platforms.join(", ")} only`);
  }
  const client = access.registry(to);
  const pushed: PushedPackage[] = [];
  for (const locked of inOrder(set.packages.filter((entry) => entry.registry === registry))) {
    const source = set.repository(locked.registry, locked.name);
    // oxlint-disable-next-line no-await-in-loop -- a registry never has a package without those that it needs
    pushed.push(await pushPackage(locked, source, client.repository(locked.name, options), access));
  }
  return pushed;
}

async function pushPackage(
  locked: LockedPackage,
  source: StoreReader,
  target: Repository,
  { report, signal }: Pick<PackageAccess, "report" | "signal">,
): Promise<PushedPackage> {
  const { name, version, digest } = locked;
  const tag = versionToTag(version);
  const root = await source.resolve(tag);
  if (root?.digest !== digest)
    throw operationError("bundle/incomplete", `${name}@${version.text} is not in the bundle`);
  const item = { id: `push ${digest}`, label: `${name}@${version.text}` };
  let sentBytes = 0;
  const copy = async (content: Descriptor, tags: readonly string[]): Promise<void> =>
    copyGraph(source, target, content, {
      tags,
      signal,
      onProgress: (event) => {
        if (event.kind !== "bytes") return;
        sentBytes += event.addedBytes;
        report?.({ ...item, state: "pushing", doneBytes: sentBytes });
      },
    });
  const present = (await target.resolve(tag, { signal }))?.digest === digest;
  if (!present) await copy(root, [tag]);
  const referrers = await source.referrers(digest);
  // oxlint-disable-next-line no-await-in-loop -- a registry without the referrers API keeps them in one index
  for (const referrer of referrers) await copy(referrer, []);
  const state = present ? "was there already" : `pushed (${formatBytes(sentBytes)} sent)`;
  report?.({ ...item, state, finished: true });
  return { name, version: version.text, digest, present, evidence: referrers.length, sentBytes };
}

/** Each after those that it needs, as far as there is such an order: of a package there may be several versions. */
function inOrder(packages: readonly LockedPackage[]): readonly LockedPackage[] {
  const ordered = new Set<LockedPackage>();
  const begun = new Set<LockedPackage>();
  const visit = (entry: LockedPackage): void => {
    if (begun.has(entry)) return;
    begun.add(entry);
    for (const needed of packages.filter(({ name }) => name in entry.dependencies)) visit(needed);
    ordered.add(entry);
  };
  packages.forEach(visit);
  return [...ordered];
}
