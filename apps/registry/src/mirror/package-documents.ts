import type { Digest, JsonObject } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import {
  compareVersions,
  formatManifest,
  packageMediaTypes,
  parsePackageConfig,
  resolverFacts,
  tagToVersion,
  versionToTag,
} from "@cpm/model";
import type { Manifest, Version } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import type { StoredManifest } from "../metadata.ts";

/** A repository whose packages are to be told from what is in it. */
export interface PackageReader {
  tags(): Promise<readonly string[]>;
  /** Undefined for what is not there. */
  manifest(reference: string): Promise<StoredManifest | undefined>;
  /** Throws for more than the limit. */
  bytes(content: Descriptor, limitBytes: number): Promise<Uint8Array>;
}

interface ReadVersion {
  readonly version: Version;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly manifest: Manifest;
}

const maxVersions = 5000;
const maxConfigBytes = 1024 * 1024;
/** Versions that are read at once. */
const inFlight = 8;

/**
 * What a package index would say of a package, from a registry that has none: by its tags, manifests and configs. When
 * a version was published is not known there. Undefined where no tag is a version of the package.
 */
export async function describePackage(
  name: string,
  view: "detail" | "resolution",
  reader: PackageReader,
): Promise<JsonObject | undefined> {
  const found = (await readVersions(name, reader)).toSorted((left, right) =>
    compareVersions(right.version, left.version),
  );
  const newest = found.find(({ version }) => version.prerelease.length === 0) ?? found[0];
  if (newest === undefined) return undefined;
  if (view === "resolution")
    return {
      name,
      versions: found.map(({ version, digest, manifest }) => ({
        version: version.text,
        digest,
        ...resolverFacts(formatManifest(manifest)),
      })),
    };
  const { description, keywords } = newest.manifest;
  return {
    name,
    version: newest.version.text,
    description,
    keywords: [...keywords],
    versions: found.map(({ version, digest, sizeBytes, manifest }) => ({
      version: version.text,
      digest,
      sizeBytes,
      manifest: formatManifest(manifest),
    })),
  };
}

async function readVersions(name: string, reader: PackageReader): Promise<readonly ReadVersion[]> {
  const left = (await reader.tags()).flatMap((tag) => tagToVersion(tag) ?? []).slice(0, maxVersions);
  const found: ReadVersion[] = [];
  const work = async (): Promise<void> => {
    for (let version = left.shift(); version !== undefined; version = left.shift()) {
      const read = await readVersion(name, version, reader);
      if (read !== undefined) found.push(read);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return found;
}

/** Undefined for a tag that looks like a version of the package and is none. */
async function readVersion(name: string, version: Version, reader: PackageReader): Promise<ReadVersion | undefined> {
  const stored = await reader.manifest(versionToTag(version));
  if (stored === undefined) return undefined;
  const top = parse(stored);
  const parts = top.kind === "index" ? await childrenOf(top, reader) : [top];
  const [first] = parts;
  if (first?.config.mediaType !== packageMediaTypes.config) return undefined;
  const manifest = await readConfig(first.config, reader);
  if (manifest?.name !== name || manifest.version.text !== version.text) return undefined;
  const contents = parts.flatMap(({ config, layers }) => [config, ...layers]);
  const sizes = new Map(contents.map((content) => [content.digest, content.sizeBytes]));
  const sizeBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return { version, digest: stored.digest, sizeBytes, manifest };
}

async function childrenOf(index: OciIndex, reader: PackageReader): Promise<readonly OciManifest[]> {
  const stored = await Promise.all(index.manifests.map(({ digest }) => reader.manifest(digest)));
  return stored.flatMap((child) => {
    const parsed = child === undefined ? undefined : parse(child);
    return parsed?.kind === "manifest" ? [parsed] : [];
  });
}

/** Undefined for one that this version of the format cannot read. */
async function readConfig(config: Descriptor, reader: PackageReader): Promise<Manifest | undefined> {
  const bytes = await reader.bytes(config, maxConfigBytes);
  try {
    return parsePackageConfig(bytes).manifest;
  } catch (error) {
    if (isCpmError(error)) return undefined;
    throw error;
  }
}

function parse({ bytes, mediaType }: StoredManifest): OciManifest | OciIndex {
  return parseManifestBytes(bytes, mediaType);
}
