import type { CancelSignal, Digest } from "@cpm/base";
import type { LayerRecord, Manifest, PackageName, Version } from "@cpm/model";
import { formatPackageConfig, packageMediaTypes, versionToTag } from "@cpm/model";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { annotationKeys, formatManifest, mediaTypes } from "@cpm/oci";
import { createDirectoryStore, digestOf, packLayer, treeDigest } from "@cpm/store";
import type { DirectoryStore, PackedLayer, SourceEntry } from "@cpm/store";
import type { ReportProgress } from "../progress.ts";
import { createByteCounter } from "../progress.ts";
import type { PackageDirectory } from "./package-directory.ts";

export interface PackOptions {
  /** 1 to 19. Default 3. */
  readonly compressionLevel?: number | undefined;
  readonly report?: ReportProgress;
  readonly signal?: CancelSignal | undefined;
}

/** A package as an artifact in a local image layout, tagged with its version. */
export interface PackedPackage {
  readonly store: DirectoryStore;
  readonly root: Descriptor;
  readonly name: PackageName;
  readonly version: Version;
  /** One for each platform; a single one without a platform when the payload has none. */
  readonly variants: readonly PackedVariant[];
  /** Compressed, each layer once. */
  readonly sizeBytes: number;
  readonly contentBytes: number;
  readonly files: number;
}

export interface PackedVariant {
  readonly platform?: string;
  readonly manifest: Descriptor;
  readonly tree: Digest;
}

interface Layer {
  readonly role: LayerRecord["role"];
  readonly platform: string | undefined;
  readonly packed: PackedLayer;
}

/**
 * Packs a directory into an image layout at `layoutRoot`, which is made: one manifest, or an index over one for each
 * platform. The same files give the same digests on any machine. Throws `pack/…` and file errors; what a failure
 * leaves lies under `layoutRoot` only.
 */
export async function packPackage(
  directory: PackageDirectory,
  layoutRoot: string,
  options: PackOptions = {},
): Promise<PackedPackage> {
  const { manifest } = directory;
  const store = createDirectoryStore(layoutRoot);
  const groups = [
    { role: "package" as const, platform: undefined, files: directory.packageFiles },
    ...directory.payload.map((group) => ({ role: "payload" as const, ...group })),
  ];
  const totalBytes = groups.flatMap((group) => group.files).reduce((sum, file) => sum + file.sizeBytes, 0);
  const item = { id: "pack", label: `${manifest.name}@${manifest.version.text}`, state: "packing", totalBytes };
  const onProgress = createByteCounter(options.report ?? (() => {}), item);
  const layers: Layer[] = [];
  for (const { role, platform, files } of groups) {
    layers.push({ role, platform, packed: await packInto(store, files, { ...options, onProgress }) });
  }
  const platforms = [...new Set(directory.payload.flatMap(({ platform }) => platform ?? []))];
  const tags = [versionToTag(manifest.version)];
  const variants: PackedVariant[] = [];
  if (platforms.length === 0) variants.push(await putVariant(store, manifest, layers, { tags }));
  for (const platform of platforms) {
    const own = layers.filter((layer) => layer.platform === undefined || layer.platform === platform);
    variants.push(await putVariant(store, manifest, own, { platform, tags: [] }));
  }
  const [first] = variants;
  if (first === undefined) throw new TypeError("a package has at least one variant");
  const root = platforms.length === 0 ? first.manifest : await putIndex(store, manifest, variants, tags);
  options.report?.({ ...item, state: "packed", doneBytes: totalBytes, finished: true });
  return {
    store,
    root,
    name: manifest.name,
    version: manifest.version,
    variants,
    sizeBytes: layers.reduce((sum, { packed }) => sum + packed.sizeBytes, 0),
    contentBytes: layers.reduce((sum, { packed }) => sum + packed.contentBytes, 0),
    files: groups.flatMap((group) => group.files).filter((file) => file.type === "file").length,
  };
}

async function packInto(
  store: DirectoryStore,
  files: readonly SourceEntry[],
  options: PackOptions & { readonly onProgress: (addedBytes: number) => void },
): Promise<PackedLayer> {
  const path = store.blobs.temporaryPath();
  const { compressionLevel, onProgress, signal } = options;
  const level = compressionLevel === undefined ? {} : { compressionLevel };
  const packed = await packLayer(files, path, { ...level, onProgress, signal });
  await store.blobs.adopt(path, packed.digest);
  return packed;
}

async function putVariant(
  store: DirectoryStore,
  manifest: Manifest,
  layers: readonly Layer[],
  { platform, tags }: { readonly platform?: string; readonly tags: readonly string[] },
): Promise<PackedVariant> {
  const tree = treeDigest(layers.map(({ packed }) => packed.listing));
  const records = layers.map(({ role, platform: own, packed }): LayerRecord => {
    const { diffId, contentBytes, entries } = packed;
    return { role, ...(own === undefined ? {} : { platform: own }), diffId, sizeBytes: contentBytes, entries };
  });
  const config = await putBlob(store, formatPackageConfig({ manifest, layers: records, tree }));
  const document: OciManifest = {
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: packageMediaTypes.artifact,
    config,
    layers: layers.map(({ packed: { digest, sizeBytes } }) => ({
      mediaType: packageMediaTypes.layerZstd,
      digest,
      sizeBytes,
    })),
    annotations: annotationsOf(manifest),
  };
  return { ...(platform === undefined ? {} : { platform }), manifest: await putDocument(store, document, tags), tree };
}

async function putIndex(
  store: DirectoryStore,
  manifest: Manifest,
  variants: readonly PackedVariant[],
  tags: readonly string[],
): Promise<Descriptor> {
  const manifests = variants.map(({ manifest: descriptor, platform = "" }): Descriptor => {
    const [os = "", architecture = ""] = platform.split("/");
    return { ...descriptor, artifactType: packageMediaTypes.artifact, platform: { os, architecture } };
  });
  const document: OciIndex = {
    kind: "index",
    mediaType: mediaTypes.index,
    artifactType: packageMediaTypes.artifact,
    manifests,
    annotations: annotationsOf(manifest),
  };
  return putDocument(store, document, tags);
}

async function putBlob(store: DirectoryStore, bytes: Uint8Array): Promise<Descriptor> {
  const content = { mediaType: packageMediaTypes.config, digest: digestOf(bytes), sizeBytes: bytes.length };
  const ingest = await store.ingest(content);
  await ingest?.write(bytes);
  await ingest?.commit();
  return content;
}

async function putDocument(
  store: DirectoryStore,
  document: OciManifest | OciIndex,
  tags: readonly string[],
): Promise<Descriptor> {
  const bytes = formatManifest(document);
  const descriptor = { mediaType: document.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  await store.putManifest(descriptor, bytes, tags);
  return descriptor;
}

/** What tools that know nothing of packages can show. */
function annotationsOf(manifest: Manifest): Readonly<Record<string, string>> {
  const { name, version, description, license, repository } = manifest;
  return {
    [annotationKeys.title]: name,
    [annotationKeys.version]: version.text,
    ...(description === "" ? {} : { [annotationKeys.description]: description }),
    ...(license === undefined ? {} : { [annotationKeys.licenses]: license }),
    ...(repository === undefined ? {} : { [annotationKeys.source]: repository }),
  };
}
