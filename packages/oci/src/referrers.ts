import { digestAlgorithm, digestHex, encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import type { Descriptor } from "./descriptor.ts";
import type { OciIndex, OciManifest } from "./manifest.ts";
import { mediaTypes } from "./media-types.ts";

/** The tag under which a registry without the referrers API keeps them (distribution-spec v1.1, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return `${digestAlgorithm(subject)}-${digestHex(subject)}`;
}

/** How a manifest with a subject stands in the list of that subject's referrers (distribution-spec v1.1, "Listing Referrers"). */
export function referrerDescriptor(manifest: OciManifest | OciIndex, digest: Digest, sizeBytes: number): Descriptor {
  const configType = manifest.kind === "manifest" ? manifest.config.mediaType : undefined;
  const artifactType = manifest.artifactType ?? configType;
  return {
    mediaType: manifest.mediaType,
    digest,
    sizeBytes,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
  };
}

/** Referrers in the order that every store gives them, narrowed to one artifact type where it is given. */
export function selectReferrers(referrers: Iterable<Descriptor>, artifactType?: string): Descriptor[] {
  return [...referrers]
    .filter((referrer) => artifactType === undefined || referrer.artifactType === artifactType)
    .sort((left, right) => (left.digest < right.digest ? -1 : left.digest > right.digest ? 1 : 0));
}

export function referrersIndex(manifests: readonly Descriptor[]): OciIndex {
  return { kind: "index", mediaType: mediaTypes.index, manifests };
}

/** Orders tags and names as registries must: by their UTF-8 bytes. */
export function compareByteOrder(left: string, right: string): number {
  const [a, b] = [encodeUtf8(left), encodeUtf8(right)];
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
