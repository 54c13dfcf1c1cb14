import { defaultArchiveLimits, formatTreeEntry } from "@cpm/archive";
import type { TarEntry, TarSink } from "@cpm/archive";
import { canonicalJson, collectBytes, concatBytes, decodeUtf8, formatBytes, isCpmError } from "@cpm/base";
import type { ByteSource, CpmError, Digest } from "@cpm/base";
import { formatManifest, manifestFileName, packageMediaTypes, parseManifest, parsePackageConfig } from "@cpm/model";
import type { PackageConfig } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { createHasher, readLayer, treeDigest, verifiedBytes } from "@cpm/store";
import type { Hasher } from "@cpm/store";
import { packageInvalid } from "./errors.ts";
import type { StoredManifest, VerifiedPackage } from "./metadata.ts";

/** Where the parts of a package are: the blobs and manifests of its own repository. */
export interface PackageSource {
  readonly repository: string;
  /** The bytes of a blob. */
  readonly read: (content: Descriptor) => ByteSource;
  manifest(digest: Digest): Promise<StoredManifest | undefined>;
  /** What was verified when a manifest was pushed. */
  verified(digest: Digest): Promise<VerifiedPackage | undefined>;
}

/** By either sign, so that leaving one out is no way around the verifier. */
export function isPackage(manifest: OciManifest | OciIndex): boolean {
  const { artifact, config } = packageMediaTypes;
  return manifest.artifactType === artifact || (manifest.kind === "manifest" && manifest.config.mediaType === config);
}

const maxConfigBytes = 1024 * 1024;
const maxReadmeBytes = 256 * 1024;
const maxManifestFileBytes = 1024 * 1024;

/**
 * Reads a package artifact as an installer would: the config strictly, every layer through the one archive reader,
 * sizes, digests, entries and the tree as declared, colony.yaml the same as the config; of an index every platform,
 * all of one manifest. Throws `registry-server/package-invalid` with the reader's own reason; a version exists only
 * after this returned.
 */
export async function verifyPackage(manifest: OciManifest | OciIndex, source: PackageSource): Promise<VerifiedPackage> {
  try {
    if (manifest.artifactType !== packageMediaTypes.artifact)
      throw packageInvalid(`the artifact type is ${manifest.artifactType ?? "missing"}`);
    return manifest.kind === "index" ? await verifyIndex(manifest, source) : await verifyManifest(manifest, source);
  } catch (error) {
    if (!isCpmError(error) || isOwnFailure(error)) throw error;
    throw packageInvalid(`${error.message} [${error.code}]`, { reason: error.code });
  }
}

/** A failure of the disk says nothing about the package; and what is said already needs no second wording. */
function isOwnFailure(error: CpmError): boolean {
  const { code, kind } = error;
  const ofDisk = [
    "store/io",
    "store/no-space",
    "store/permission",
    "store/read-only",
    "registry-server/storage",
    "registry-server/content-lost",
  ].includes(code);
  return ofDisk || kind === "internal" || code === "registry-server/package-invalid";
}

async function verifyManifest(manifest: OciManifest, { repository, read }: PackageSource): Promise<VerifiedPackage> {
  if (manifest.config.mediaType !== packageMediaTypes.config)
    throw packageInvalid(`the config has media type ${manifest.config.mediaType}`);
  const bytes = await collectBytes(verifiedBytes(read(manifest.config), manifest.config), maxConfigBytes);
  const config = parsePackageConfig(bytes);
  if (config.manifest.name !== repository)
    throw packageInvalid(`${config.manifest.name} was pushed to the repository ${repository}`);
  if (config.layers.length !== manifest.layers.length)
    throw packageInvalid("the config and the manifest have different numbers of layers");
  const { files, listings } = await readLayers(manifest.layers, config, read);
  const tree = treeDigest(listings);
  if (tree !== config.tree) throw packageInvalid(`the layers unpack to ${tree}, the config declares ${config.tree}`);
  checkManifestFile(files.get(manifestFileName), config);
  const { name, version, description, keywords } = config.manifest;
  const readme = files.get(readmeName);
  return {
    name,
    version: version.text,
    description,
    keywords,
    ...(readme === undefined ? {} : { readme: decodeUtf8(readme) }),
    sizeBytes: sumOfSizes([manifest.config, ...manifest.layers]),
    manifest: canonicalJson(formatManifest(config.manifest)),
  };
}

/** The platforms were verified when they were pushed, and nothing that they refer to can have gone since. */
async function verifyIndex(index: OciIndex, source: PackageSource): Promise<VerifiedPackage> {
  const platforms = new Set<string>();
  const contents: Descriptor[] = [];
  let first: VerifiedPackage | undefined;
  for (const child of index.manifests) {
    const stored = await source.manifest(child.digest);
    const verified = await source.verified(child.digest);
    const manifest = stored === undefined ? undefined : parseManifestBytes(stored.bytes, stored.mediaType);
    if (stored === undefined || verified === undefined || manifest?.kind !== "manifest")
      throw packageInvalid("an index of packages lists something that is no package");
    if (stored.bytes.length !== child.sizeBytes || stored.mediaType !== child.mediaType)
      throw packageInvalid(`the index describes ${child.digest} as something else than it is`);
    if (child.platform === undefined) throw packageInvalid(`the index names no platform for ${child.digest}`);
    const { os, architecture, variant = "" } = child.platform;
    platforms.add(`${os}/${architecture}/${variant}`);
    contents.push(manifest.config, ...manifest.layers);
    if (first !== undefined && first.manifest !== verified.manifest)
      throw packageInvalid("the platforms of a package must share one manifest");
    first ??= verified;
  }
  if (first === undefined) throw packageInvalid("an index of packages lists none");
  if (platforms.size < index.manifests.length) throw packageInvalid("the index lists a platform twice");
  return { ...first, sizeBytes: sumOfSizes(contents) };
}

function sumOfSizes(contents: readonly Descriptor[]): number {
  const sizes = new Map(contents.map((content) => [content.digest, content.sizeBytes]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function readLayers(
  layers: readonly Descriptor[],
  config: PackageConfig,
  read: PackageSource["read"],
): Promise<{ files: ReadonlyMap<string, Uint8Array>; listings: readonly ReadonlyMap<string, string>[] }> {
  const files = new Map<string, Uint8Array>();
  const listings: ReadonlyMap<string, string>[] = [];
  for (const [index, layer] of layers.entries()) {
    const declared = config.layers[index];
    if (declared === undefined) throw packageInvalid("a layer is not declared in the config");
    const reader = new LayerContents(declared.role === "package" ? files : undefined);
    await readLayer(read(layer), layer, declared, reader, { limits: defaultArchiveLimits });
    listings.push(reader.listing);
  }
  return { files, listings };
}

function checkManifestFile(bytes: Uint8Array | undefined, config: PackageConfig): void {
  if (bytes === undefined) throw packageInvalid(`the package layer has no ${manifestFileName}`);
  const written = parseManifest({ path: manifestFileName, text: decodeUtf8(bytes) });
  if (canonicalJson(formatManifest(written)) !== canonicalJson(formatManifest(config.manifest))) {
    throw packageInvalid(`${manifestFileName} and the config tell different things`);
  }
}

const readmeName = "README.md";
const keptFiles: ReadonlyMap<string, number> = new Map([
  [manifestFileName, maxManifestFileBytes],
  [readmeName, maxReadmeBytes],
]);

/** Lists what a layer holds, and keeps the two files that the index needs. */
class LayerContents implements TarSink {
  readonly listing = new Map<string, string>();
  readonly #files: Map<string, Uint8Array> | undefined;
  #hasher: Hasher | undefined;
  #parts: Uint8Array[] | undefined;

  constructor(files: Map<string, Uint8Array> | undefined) {
    this.#files = files;
  }

  entry(entry: TarEntry): void {
    this.listing.set(entry.path, formatTreeEntry(entry));
    if (entry.type !== "file") return;
    this.#hasher = createHasher();
    const limitBytes = this.#files === undefined ? undefined : keptFiles.get(entry.path);
    if (limitBytes === undefined) return;
    if (entry.sizeBytes > limitBytes) throw packageInvalid(`${entry.path} has more than ${formatBytes(limitBytes)}`);
    this.#parts = [];
  }

  data(chunk: Uint8Array): void {
    this.#hasher?.update(chunk);
    this.#parts?.push(chunk.slice());
  }

  entryEnd(entry: TarEntry): void {
    if (this.#hasher !== undefined)
      this.listing.set(entry.path, formatTreeEntry({ ...entry, digest: this.#hasher.digest() }));
    if (this.#parts !== undefined) this.#files?.set(entry.path, concatBytes(this.#parts));
    this.#hasher = undefined;
    this.#parts = undefined;
  }
}
