import type { Descriptor } from "@cpm/oci";
import { formatManifest, mediaTypes } from "@cpm/oci";
import { packageArtifact } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { Random } from "../random.ts";

/** What every registry holds before it is measured. */
export interface RegistryContent {
  readonly manifestPath: string;
  readonly blobPath: string;
  readonly tagsPath: string;
}

interface PackageToPublish {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
}

/** Searches of the packages that were published. */
export interface SearchPaths {
  readonly byWord: string;
  readonly narrowed: string;
}

export interface RegistryShape {
  readonly blobBytes: number;
  readonly tags: number;
  readonly packages: number;
}

const repository = "bench/content";
const publishersAtOnce = 8;

/** One image with a large layer, under as many tags as asked. */
export async function fillRegistry(host: string, shape: RegistryShape): Promise<RegistryContent> {
  const layerBytes = new Uint8Array(shape.blobBytes);
  new Random(7).fillNoise(layerBytes);
  const layer = await pushBlob(host, repository, mediaTypes.octetStream, layerBytes);
  const config = await pushBlob(host, repository, mediaTypes.octetStream, new TextEncoder().encode("{}"));
  const manifest = formatManifest({ kind: "manifest", mediaType: mediaTypes.manifest, config, layers: [layer] });
  const tags = Array.from({ length: shape.tags }, (_, index) => `build-${index}`);
  for (const tag of tags) await pushManifest(host, repository, tag, manifest);
  return {
    manifestPath: `/v2/${repository}/manifests/build-0`,
    blobPath: `/v2/${repository}/blobs/${layer.digest}`,
    tagsPath: `/v2/${repository}/tags/list`,
  };
}

/** Packages to search, published as any others: only ours reads them. Answers what to ask. */
export async function publishPackages(host: string, count: number): Promise<SearchPaths> {
  const random = new Random(11);
  const names = Array.from({ length: count }, (_, index) => {
    const words = [word(random), word(random)];
    return {
      name: `bench-${index % 40}/${words.join("-")}-${index}`,
      description: `${words.join(" ")} for ${word(random)}.`,
      keywords: [...new Set(words)],
    };
  });
  const publish = async (from: number): Promise<void> => {
    for (let index = from; index < names.length; index += publishersAtOnce) {
      const { name = "", description = "", keywords = [] } = names[index] ?? {};
      await publishPackage(host, { name, version: "1.0.0", description, keywords });
    }
  };
  await Promise.all(Array.from({ length: publishersAtOnce }, (_, from) => publish(from)));
  return {
    byWord: "/api/v1/search?q=raster&limit=20",
    narrowed: "/api/v1/search?q=raster&keyword=vector&owner=bench-3",
  };
}

/** A small package. */
export async function publishPackage(host: string, config: PackageToPublish): Promise<void> {
  const { manifest, blobs } = await packageArtifact(config);
  for (const bytes of blobs.values()) await pushBlob(host, config.name, mediaTypes.octetStream, bytes);
  await pushManifest(host, config.name, config.version, formatManifest(manifest));
}

const subjects = "raster vector graph matrix text audio video sensor model tensor signal image log table stream".split(
  " ",
);

function word(random: Random): string {
  return subjects[random.below(subjects.length)] ?? "raster";
}

async function pushBlob(
  host: string,
  into: string,
  mediaType: string,
  body: Uint8Array<ArrayBuffer>,
): Promise<Descriptor> {
  const digest = digestOf(body);
  const begun = await fetch(`http://${host}/v2/${into}/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", `http://${host}`);
  location.searchParams.set("digest", digest);
  const { status } = await fetch(location, { method: "PUT", body });
  if (status !== 201) throw new Error(`${location.pathname} was answered with ${status}`);
  return { mediaType, digest, sizeBytes: body.length };
}

async function pushManifest(host: string, into: string, tag: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  // Names that are made in thousands are alike.
  const headers = { "content-type": mediaTypes.manifest, "cpm-allow-similar-name": "true" };
  const response = await fetch(`http://${host}/v2/${into}/manifests/${tag}`, { method: "PUT", headers, body });
  if (response.status !== 201)
    throw new Error(`${into}:${tag} was answered with ${response.status}: ${await response.text()}`);
}
