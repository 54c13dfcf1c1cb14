import type { ByteSource, Digest } from "@cpm/base";
import { canonicalJson, encodeUtf8, sourceOf } from "@cpm/base";
import type { Lockfile } from "@cpm/model";
import { bundleMediaTypes, formatLockfile, lockfileName, versionToTag } from "@cpm/model";
import type { Descriptor, StoreReader } from "@cpm/oci";
import { annotationKeys, formatManifest, mediaTypes } from "@cpm/oci";
import { blobPath, digestOf, layoutMarker, verifiedBytes } from "@cpm/store";
import type { StreamedFile } from "@cpm/store";
import type { BundleDocument, NeededBundle, NeededContent } from "./bundle-document.ts";
import { formatBundleDocument } from "./bundle-document.ts";
import type { PackageGraph } from "./package-graph.ts";

/** The tag of the artifact that makes an image layout a bundle. */
export const bundleTag = "bundle";

/** A package's graph and where its bytes are read from. */
export interface SourcedGraph extends PackageGraph {
  readonly source: StoreReader;
}

/** Another bundle, as far as a thin one must know it. */
export interface OtherBundle {
  readonly id: Digest;
  sizeOf(digest: Digest): number | undefined;
}

/** A bundle as data: the files of its container, with the bytes still where they are. */
export interface BundlePlan {
  /** Digest of its artifact, by which other bundles name it. */
  readonly id: Digest;
  readonly document: BundleDocument;
  readonly files: readonly StreamedFile[];
  /** Contents of packages that it holds. */
  readonly contents: number;
}

interface Made {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The same lockfile, platforms and other bundles give the same plan, down to the bytes. */
export function planBundle(
  lock: Lockfile,
  graphs: readonly SourcedGraph[],
  platforms: readonly string[] | undefined,
  others: readonly OtherBundle[],
): BundlePlan {
  const held = new Map<Digest, { readonly content: Descriptor; readonly source: StoreReader }>();
  const needed = new Map<Digest, NeededContent[]>();
  for (const { contents, source } of graphs) {
    for (const content of contents.values()) {
      const other = others.find((entry) => entry.sizeOf(content.digest) === content.sizeBytes);
      if (other === undefined) held.set(content.digest, { content, source });
      else needed.set(other.id, [...(needed.get(other.id) ?? []), pick(content)]);
    }
  }
  const document: BundleDocument = {
    ...(platforms === undefined ? {} : { platforms: platforms.toSorted() }),
    needs: sortedNeeds(needed),
  };
  const parts = documentParts(lock, graphs, document);
  const artifact = describeArtifact(parts);
  const index = formatManifest({
    kind: "index",
    mediaType: mediaTypes.index,
    manifests: [
      ...namedRoots(graphs, held),
      { ...artifact.descriptor, annotations: { [annotationKeys.refName]: bundleTag } },
    ],
  });
  const files = [
    ...[...held.values()].map(({ content, source }) => streamed(content, source)),
    ...unique([...parts, artifact], held).map(({ descriptor, bytes }) => inMemory(blobPath(descriptor.digest), bytes)),
    inMemory("index.json", index),
    inMemory("oci-layout", encodeUtf8(layoutMarker)),
  ];
  return { id: artifact.descriptor.digest, document, files, contents: held.size };
}

/** The config, the lockfile, and what each package is listed as, in the order of the lockfile. */
function documentParts(
  lock: Lockfile,
  graphs: readonly SourcedGraph[],
  document: BundleDocument,
): readonly [Made, ...Made[]] {
  return [
    made(bundleMediaTypes.bundle, formatBundleDocument(document)),
    made(bundleMediaTypes.lockfile, encodeUtf8(formatLockfile(lock)), lockfileName),
    ...graphs.map(({ listing, locked }) =>
      made(bundleMediaTypes.listing, encodeUtf8(canonicalJson(listing)), listingTitle(locked)),
    ),
  ];
}

/** What a listing is called within a bundle. */
export function listingTitle({ registry, name }: { readonly registry: string; readonly name: string }): string {
  return `listings/${registry}/${name}.json`;
}

/** How a version is tagged in the index of a layout that several repositories share. */
function rootTag({ registry, name, version }: PackageGraph["locked"]): string {
  return `${registry}/${name}:${versionToTag(version)}`;
}

function describeArtifact([config, ...layers]: readonly [Made, ...Made[]]): Made {
  const bytes = formatManifest({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: bundleMediaTypes.bundle,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
  });
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length };
  return { descriptor: { ...descriptor, artifactType: bundleMediaTypes.bundle }, bytes };
}

/** Packages by their tags, and signatures without one, so that every reader of layouts finds them. */
function namedRoots(graphs: readonly SourcedGraph[], held: ReadonlyMap<Digest, unknown>): readonly Descriptor[] {
  const here = ({ digest }: Descriptor): boolean => held.has(digest);
  const roots = graphs
    .filter(({ root }) => here(root))
    .map(({ root, locked }) => ({ ...plain(root), annotations: { [annotationKeys.refName]: rootTag(locked) } }));
  return [...roots, ...graphs.flatMap(({ evidence }) => evidence.filter(here).map(plain))];
}

function plain({ mediaType, digest, sizeBytes }: Descriptor): Descriptor {
  return { mediaType, digest, sizeBytes };
}

function made(mediaType: string, bytes: Uint8Array, title?: string): Made {
  const descriptor = { mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  const annotations = title === undefined ? {} : { annotations: { [annotationKeys.title]: title } };
  return { descriptor: { ...descriptor, ...annotations }, bytes };
}

function unique(all: readonly Made[], held: ReadonlyMap<Digest, unknown>): readonly Made[] {
  const byDigest = new Map(all.map((entry) => [entry.descriptor.digest, entry]));
  return [...byDigest.values()].filter(({ descriptor }) => !held.has(descriptor.digest));
}

function streamed(content: Descriptor, source: StoreReader): StreamedFile {
  return {
    path: blobPath(content.digest),
    sizeBytes: content.sizeBytes,
    read: () => verifiedBytes(source.read(content), content),
  };
}

function inMemory(path: string, bytes: Uint8Array): StreamedFile {
  return { path, sizeBytes: bytes.length, read: (): ByteSource => sourceOf(bytes) };
}

function sortedNeeds(needed: ReadonlyMap<Digest, readonly NeededContent[]>): readonly NeededBundle[] {
  const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
  return [...needed]
    .map(([bundle, contents]) => {
      const once = new Map(contents.map((entry) => [entry.digest, entry]));
      return { bundle, contents: [...once.values()].sort((left, right) => byText(left.digest, right.digest)) };
    })
    .sort((left, right) => byText(left.bundle, right.bundle));
}

function pick({ digest, sizeBytes }: Descriptor): NeededContent {
  return { digest, sizeBytes };
}
