import { defaultArchiveLimits } from "@cpm/archive";
import type { TarEntry, TarSink } from "@cpm/archive";
import { canonicalJson, collectBytes, concatBytes, decodeUtf8, formatBytes, isCpmError } from "@cpm/base";
import { formatManifest, manifestFileName, packageMediaTypes, parseManifest, parsePackageConfig } from "@cpm/model";
import type { LayerRecord, PackageConfig } from "@cpm/model";
import type { Descriptor, OciManifest } from "@cpm/oci";
import { readLayer } from "@cpm/store";
import type { BlobDirectory } from "@cpm/store";
import { registryError } from "./errors.ts";
import type { PublishedVersion } from "./metadata.ts";

export function isPackage(manifest: { readonly artifactType?: string }): boolean {
  return manifest.artifactType === packageMediaTypes.artifact;
}

const maxConfigBytes = 1024 * 1024;
const maxReadmeBytes = 256 * 1024;

/**
 * Reads a package artifact as an installer would: the config strictly, every layer through the one archive reader,
 * sizes, digests and entries as declared, colony.yaml the same as the config. Throws `registry/package-invalid`
 * with the reader's own reason; a version exists only after this returned.
 */
export async function verifyPackage(
  manifest: OciManifest,
  repository: string,
  blobs: BlobDirectory,
): Promise<PublishedVersion> {
  try {
    return await verify(manifest, repository, blobs);
  } catch (error) {
    if (!isCpmError(error) || error.code === "registry/package-invalid" || error.kind === "internal") throw error;
    throw registryError("registry/package-invalid", `${error.message} [${error.code}]`, { reason: error.code });
  }
}

async function verify(manifest: OciManifest, repository: string, blobs: BlobDirectory): Promise<PublishedVersion> {
  if (manifest.config.mediaType !== packageMediaTypes.config)
    throw invalid(`the config has media type ${manifest.config.mediaType}`);
  const config = parsePackageConfig(await collectBytes(blobs.read(manifest.config), maxConfigBytes));
  if (config.manifest.name !== repository) throw invalid(`${config.manifest.name} was pushed to ${repository}`);
  if (config.layers.length !== manifest.layers.length)
    throw invalid("the config and the manifest have different numbers of layers");
  const captured = await readLayers(manifest.layers, config, blobs);
  checkManifestFile(captured.get(manifestFileName), config);
  const { name, version, description, keywords } = config.manifest;
  const readme = captured.get("README.md");
  return {
    name,
    version: version.text,
    description,
    keywords,
    ...(readme === undefined ? {} : { readme: decodeUtf8(readme) }),
    sizeBytes: manifest.layers.reduce((sum, layer) => sum + layer.sizeBytes, manifest.config.sizeBytes),
    manifest: canonicalJson(formatManifest(config.manifest)),
  };
}

/** The tag under which a version is published. */
export function versionTag(published: PublishedVersion): string {
  return published.version.replace("+", "_");
}

async function readLayers(
  layers: readonly Descriptor[],
  config: PackageConfig,
  blobs: BlobDirectory,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const collector = new Collector();
  for (const [index, layer] of layers.entries()) {
    const declared: LayerRecord | undefined = config.layers[index];
    if (declared === undefined) throw invalid("a layer is not declared in the config");
    collector.capturing = declared.role === "package";
    await readLayer(blobs.read(layer), layer, declared, collector, { limits: defaultArchiveLimits });
  }
  return collector.files;
}

function checkManifestFile(bytes: Uint8Array | undefined, config: PackageConfig): void {
  if (bytes === undefined) throw invalid(`the package layer has no ${manifestFileName}`);
  const written = parseManifest({ path: manifestFileName, text: decodeUtf8(bytes) });
  if (canonicalJson(formatManifest(written)) !== canonicalJson(formatManifest(config.manifest))) {
    throw invalid(`${manifestFileName} and the config tell different things`);
  }
}

/** Keeps the two files that the index needs, and nothing else. */
class Collector implements TarSink {
  readonly files = new Map<string, Uint8Array>();
  capturing = false;
  #parts: Uint8Array[] | undefined;

  entry(entry: TarEntry): void {
    const wanted =
      this.capturing && entry.type === "file" && (entry.path === manifestFileName || entry.path === "README.md");
    if (wanted && entry.sizeBytes > maxReadmeBytes)
      throw invalid(`${entry.path} has more than ${formatBytes(maxReadmeBytes)}`);
    this.#parts = wanted ? [] : undefined;
  }

  data(chunk: Uint8Array): void {
    this.#parts?.push(chunk.slice());
  }

  entryEnd(entry: TarEntry): void {
    if (this.#parts !== undefined) this.files.set(entry.path, concatBytes(this.#parts));
    this.#parts = undefined;
  }
}

function invalid(message: string) {
  return registryError("registry/package-invalid", message);
}
