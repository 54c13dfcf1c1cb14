import { collectBytes } from "@cpm/base";
import type { CancelSignal } from "@cpm/base";
import {
  newestYankMark,
  packageMediaTypes,
  parsePackageConfig,
  tagToVersion,
  versionToTag,
  yankArtifactType,
} from "@cpm/model";
import type { Manifest, Version, YankMark } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest, StoreReader } from "@cpm/oci";

/** What is read of a registry that has no index. */
export type ContentReader = Pick<StoreReader, "tags" | "resolve" | "read" | "referrers">;

/** A version of a package, from its artifact and what is beside it. */
export interface ReadVersion {
  readonly version: Version;
  readonly root: Descriptor;
  readonly artifact: OciManifest | OciIndex;
  readonly manifest: Manifest;
  /** The newest that says whether it is yanked. */
  readonly mark?: YankMark;
}

const maxConfigBytes = 1024 * 1024;
/** Versions that are read at once. */
const inFlight = 8;

/** All versions of a package in a repository, by its tags, their configs and the marks beside them, in any order. */
export async function readVersions(repository: ContentReader, signal?: CancelSignal): Promise<readonly ReadVersion[]> {
  const queue = (await repository.tags({ signal })).flatMap((tag) => tagToVersion(tag) ?? []);
  const found: ReadVersion[] = [];
  const worker = async (): Promise<void> => {
    for (let version = queue.shift(); version !== undefined; version = queue.shift()) {
      const entry = await readVersion(repository, version, signal);
      if (entry !== undefined) found.push(entry);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return found;
}

/** Undefined for a tag that looks like a version and is no package. */
async function readVersion(
  repository: ContentReader,
  version: Version,
  signal: CancelSignal | undefined,
): Promise<ReadVersion | undefined> {
  const root = await repository.resolve(versionToTag(version), { signal });
  if (root === undefined) return undefined;
  const artifact = await readManifest(repository, root, signal);
  const first = artifact.kind === "index" ? artifact.manifests[0] : undefined;
  const document = first === undefined ? artifact : await readManifest(repository, first, signal);
  if (document.kind !== "manifest" || document.config.mediaType !== packageMediaTypes.config) return undefined;
  const config = await collectBytes(repository.read(document.config, { signal }), maxConfigBytes);
  const { manifest } = parsePackageConfig(config);
  if (manifest.version.text !== version.text) return undefined;
  const mark = newestYankMark(await repository.referrers(root.digest, yankArtifactType, { signal }));
  return { version, root, artifact, manifest, ...(mark === undefined ? {} : { mark }) };
}

/** One that a descriptor names. */
export async function readManifest(
  repository: Pick<StoreReader, "read">,
  descriptor: Descriptor,
  signal?: CancelSignal,
): Promise<OciManifest | OciIndex> {
  const bytes = await collectBytes(repository.read(descriptor, { signal }), descriptor.sizeBytes);
  return parseManifestBytes(bytes, descriptor.mediaType);
}
