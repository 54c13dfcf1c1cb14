import type { JsonObject } from "@cpm/base";
import { compareVersions, formatManifest } from "@cpm/model";
import { formatReadVersion, readManifest, readVersions } from "@cpm/registry-client";
import type { ContentReader, ReadVersion } from "@cpm/registry-client";

/**
 * What a package index would say of a package, from a registry that has none: by its tags, manifests and configs. When
 * a version was published is not known there. Undefined where no tag is a version of the package.
 */
export async function describePackage(
  name: string,
  view: "detail" | "resolution",
  reader: ContentReader,
): Promise<JsonObject | undefined> {
  const found = (await readVersions(reader)).toSorted((left, right) => compareVersions(right.version, left.version));
  const newest =
    found.find(({ version, mark }) => version.prerelease.length === 0 && mark?.yanked !== true) ?? found[0];
  if (newest === undefined) return undefined;
  if (view === "resolution") return { name, versions: found.map(formatReadVersion) };
  const { description, keywords } = newest.manifest;
  const versions = await Promise.all(found.map((entry) => formatVersion(entry, reader)));
  return { name, version: newest.version.text, description, keywords: [...keywords], versions };
}

async function formatVersion(read: ReadVersion, reader: ContentReader): Promise<JsonObject> {
  const { version, root, manifest, mark } = read;
  const yanked = { reason: mark?.reason ?? "", by: mark?.by ?? "", at: new Date(mark?.atMs ?? 0).toISOString() };
  return {
    version: version.text,
    digest: root.digest,
    sizeBytes: await sizeOf(read, reader),
    ...(mark?.yanked === true ? { yanked } : {}),
    manifest: formatManifest(manifest),
  };
}

/** What has to be fetched for all platforms together. */
async function sizeOf({ artifact }: ReadVersion, reader: ContentReader): Promise<number> {
  const parts =
    artifact.kind === "manifest"
      ? [artifact]
      : await Promise.all(artifact.manifests.map((child) => readManifest(reader, child)));
  const contents = parts.flatMap((part) => (part.kind === "manifest" ? [part.config, ...part.layers] : []));
  const sizes = new Map(contents.map((content) => [content.digest, content.sizeBytes]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
