import type { Digest } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";

/** A manifest as it was pushed. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What is to be stored in one step when a manifest is accepted. */
export interface NewManifest extends StoredManifest {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly artifactType?: string;
  readonly subject?: Digest;
  /** The package version that the manifest publishes. */
  readonly published?: PublishedVersion;
}

export interface PublishedVersion {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly readme?: string;
  readonly sizeBytes: number;
  /** The normalised manifest, as JSON text. */
  readonly manifest: string;
}

export interface PackageRow {
  readonly name: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly updatedAt: number;
}

export interface VersionRow {
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly publishedAt: number;
  readonly manifest: string;
}

/**
 * What the registry knows about content; the bytes of blobs are elsewhere. Every method is one transaction: what
 * it returned is durable, and nothing of a failed one is seen. A second implementation must pass the same suite.
 */
export interface Metadata {
  /** Records that a blob is whole and that a repository may show it. */
  addBlob(repository: string, digest: Digest, sizeBytes: number): void;
  /** The size of a blob that the repository may show. */
  blobSize(repository: string, digest: Digest): number | undefined;
  /** Lets a second repository show a blob; false when the first may not. */
  mountBlob(from: string, to: string, digest: Digest): boolean;
  unlinkBlob(repository: string, digest: Digest): boolean;

  createUpload(id: string, repository: string): void;
  hasUpload(id: string, repository: string): boolean;
  removeUpload(id: string): void;

  /** Stores a manifest with its tags and version. Throws `registry/version-exists` for other bytes of a published version. */
  putManifest(manifest: NewManifest): void;
  manifestByDigest(repository: string, digest: Digest): StoredManifest | undefined;
  manifestByTag(repository: string, tag: string): StoredManifest | undefined;
  /** Removes a manifest and the tags that point to it. */
  removeManifest(repository: string, digest: Digest): boolean;
  removeTag(repository: string, tag: string): boolean;
  hasRepository(repository: string): boolean;
  /** Tags after `last` in byte order. */
  tags(repository: string, last: string, limit: number): readonly string[];
  referrers(repository: string, subject: Digest): readonly Descriptor[];
  /** The digest of a published version. */
  publishedDigest(name: string, version: string): Digest | undefined;

  /** Packages by relevance: the exact name first, then the text. An empty query lists all by name. */
  search(
    query: string,
    limit: number,
    offset: number,
  ): { readonly total: number; readonly results: readonly PackageRow[] };
  package(
    name: string,
  ): (PackageRow & { readonly readme?: string; readonly versions: readonly VersionRow[] }) | undefined;

  close(): void;
}
