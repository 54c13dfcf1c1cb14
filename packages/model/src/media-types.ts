/** The media types of a package as an OCI artifact. */
export const packageMediaTypes = {
  artifact: "application/vnd.colonyos.cpm.package.v1",
  config: "application/vnd.colonyos.cpm.manifest.v1+json",
  layerZstd: "application/vnd.colonyos.cpm.content.v1.tar+zstd",
  layerGzip: "application/vnd.colonyos.cpm.content.v1.tar+gzip",
} as const;

/** The media types of a bundle: what a lockfile names, in one file (docs/bundles.md). */
export const bundleMediaTypes = {
  /** Of the artifact that makes an image layout a bundle, and of its config. */
  bundle: "application/vnd.colonyos.cpm.bundle.v1+json",
  lockfile: "application/vnd.colonyos.cpm.lock.v1+json",
  listing: "application/vnd.colonyos.cpm.listing.v1+json",
} as const;

/**
 * Whether a referrer of a package says something of it that stays true: signatures, attestations, bills of materials.
 * Whether a version is yanked may change at any time, so it is no evidence.
 */
export function isEvidenceType(artifactType: string | undefined): boolean {
  return !/^application\/vnd\.colonyos\.cpm\.yank\b/.test(artifactType ?? "");
}
