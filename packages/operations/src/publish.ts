import { copyGraph } from "@cpm/store";
import { formatVersion, versionToTag } from "@cpm/model";
import type { CpmError, Digest } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { RepositoryOptions } from "@cpm/registry-client";
import { operationError } from "./errors.ts";
import type { PackageAccess, PackageSource } from "./package/locate-package.ts";
import { locatePackage } from "./package/locate-package.ts";
import { readPackage } from "./package/read-package.ts";

export interface PublishedPackage {
  readonly registry: string;
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  /** Whether the registry had exactly this already. */
  readonly present: boolean;
  readonly sentBytes: number;
}

/**
 * Puts one version into a registry: a directory is checked and packed first. Publishing the same bytes again
 * succeeds. Other bytes under a published version are refused with both digests: here, because a registry without an
 * index would take them, and by `cpm-registry`, which alone can also tell of two that publish at the same moment, and
 * refuses a new name that is like another unless that is allowed.
 * Throws `package/version-exists`.
 */
export async function publishPackage(
  source: PackageSource,
  access: PackageAccess,
  options: RepositoryOptions = {},
): Promise<PublishedPackage> {
  const host = access.defaultRegistry;
  if (host === undefined) throw operationError("package/no-registry", "no registry is configured to publish to");
  const located = await locatePackage(source, access);
  const { manifest } = await readPackage(located.source, located.root, undefined, access.signal);
  const { name, version } = manifest;
  const target = access.registry(host).repository(name, options);
  const tag = versionToTag(version);
  const published = await target.resolve(tag, { signal: access.signal });
  const answer = { registry: host, name, version: formatVersion(version), digest: located.root.digest };
  if (published?.digest === located.root.digest) return { ...answer, present: true, sentBytes: 0 };
  if (published !== undefined) throw versionExists(answer, published.digest);
  let [doneBytes, totalBytes] = [0, 0];
  const item = { id: "publish", label: `${name}@${version.text}` };
  await copyGraph(located.source, target, located.root, {
    tags: [tag],
    signal: access.signal,
    onProgress: (event) => {
      if (event.kind === "planned") totalBytes = event.totalBytes;
      if (event.kind === "bytes") doneBytes += event.addedBytes;
      access.report?.({ ...item, state: `publishing to ${host}`, doneBytes, totalBytes });
    },
  });
  access.metadata.forget(host, name);
  access.report?.({ ...item, state: `published (${formatBytes(doneBytes)} sent)`, finished: true });
  return { ...answer, present: false, sentBytes: doneBytes };
}

function versionExists(
  { registry, name, version, digest }: Omit<PublishedPackage, "present" | "sentBytes">,
  present: Digest,
): CpmError {
  const message = `${name}@${version} was published to ${registry} as ${present}; this would be ${digest}`;
  return operationError("package/version-exists", message, { context: { present, refused: digest } });
}
