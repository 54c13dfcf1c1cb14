/** Media types of OCI image-spec v1.1 and of the docker formats that are read, never written. */
export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  empty: "application/vnd.oci.empty.v1+json",
  octetStream: "application/octet-stream",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** What a client offers in `Accept` when it asks for a manifest. */
export const acceptedManifestTypes: readonly string[] = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerManifestList,
];

export function isManifestType(mediaType: string): boolean {
  return acceptedManifestTypes.includes(mediaType);
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.index || mediaType === mediaTypes.dockerManifestList;
}

/** Annotation keys of OCI image-spec v1.1, annotations.md, that CPM reads or writes. */
export const annotationKeys = {
  title: "org.opencontainers.image.title",
  description: "org.opencontainers.image.description",
  version: "org.opencontainers.image.version",
  licenses: "org.opencontainers.image.licenses",
  source: "org.opencontainers.image.source",
  refName: "org.opencontainers.image.ref.name",
} as const;
