import type { Digest } from "@cpm/base";
import type { YankMark } from "@cpm/model";
import type { Descriptor } from "@cpm/oci";
import type { Author } from "./access/audited-database.ts";
import type { Visibility } from "./access/rights.ts";
import type { ObjectName } from "./objects/object-storage.ts";
import type { FinishedUpload } from "./uploads.ts";

/** A blob as it is stored. */
export interface BlobRow {
  readonly sizeBytes: number;
  /** Undefined for one that is named after its digest, as in earlier data directories. */
  readonly object: ObjectName | undefined;
  /** Its bytes were found to be gone or others, and nobody has pushed it since. */
  readonly damaged: boolean;
}

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
  /** What it refers to and cannot be without. */
  readonly contents: readonly Digest[];
  /** What the verifier read from it, when it is a package. */
  readonly package?: VerifiedPackage;
  /** Whether this makes the package's version exist. */
  readonly publish: boolean;
  /** What it says of its subject, when it is a yank mark. */
  readonly mark?: YankMark;
  /** What the name of a package that is new must not be like. Default: it may be like any. */
  readonly nameRules?: NameRules;
  /** When it was stored at first, and when its version was published, where it comes from an export. Default: now. */
  readonly storedAtMs?: number;
  readonly publishedAtMs?: number;
}

/** Which packages a new name is compared with. */
export interface NameRules {
  /** What its author may see: what is hidden from them is nothing that a refusal could tell of. */
  readonly visible: Visibility;
  /** Downloads of the last 90 days from which a package is much used. */
  readonly muchUsedFrom: number;
}

/** A package whose every byte was read and found right. */
export interface VerifiedPackage {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly readme?: string;
  /** What has to be fetched for all platforms together. */
  readonly sizeBytes: number;
  /** The normalised manifest, as JSON text. */
  readonly manifest: string;
}

export interface PackageRow {
  readonly name: string;
  /**
   * The newest version: the highest by precedence, a prerelease only where there is nothing else, and a yanked one only
   * where all are.
   */
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly updatedAt: number;
  readonly downloads: Downloads;
}

/** How often manifests of its versions were fetched. */
export interface Downloads {
  readonly total: number;
  readonly last90Days: number;
}

/** So many fetches of one manifest. */
export interface FetchCount {
  readonly repository: string;
  readonly digest: Digest;
  readonly count: number;
}

export interface VersionRow {
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly publishedAt: number;
  readonly manifest: string;
  /** How often its manifest was fetched. */
  readonly downloads: number;
  readonly yanked?: YankNotice;
  /** Of this version, or else of the package. */
  readonly deprecated?: DeprecationNotice;
}

/** Why a version is yanked. */
export interface YankNotice {
  readonly reason: string;
  readonly by: string;
  readonly at: number;
}

/** Why a package or a version is not to be used any more. */
export interface DeprecationNotice {
  readonly message: string;
  /** The package to use in its place. */
  readonly successor?: string;
}

/** What holds of a version after somebody said that it is yanked, or no longer. */
export interface Marked {
  readonly digest: Digest;
  /** Undefined when it is not yanked. */
  readonly yanked: YankNotice | undefined;
}

export interface PackageDetail extends PackageRow {
  readonly readme?: string;
  /** Of the package with all its versions. */
  readonly deprecated?: DeprecationNotice;
  /** The highest first. */
  readonly versions: readonly VersionRow[];
}

/** What packages are looked for by. */
export interface SearchQuery {
  /** Words, or a name; everything when empty. */
  readonly text: string;
  readonly filters: SearchFilters;
}

/** What a package's newest version must have, all of it. */
export interface SearchFilters {
  readonly keywords: readonly string[];
  /** Namespaces, or users who own the namespace. */
  readonly owners: readonly string[];
  /** Executor types that it requires. */
  readonly executors: readonly string[];
  /** `os/architecture`: it has files for it, or none that are for single platforms. */
  readonly platforms: readonly string[];
}

export const noFilters: SearchFilters = { keywords: [], owners: [], executors: [], platforms: [] };

export interface SearchResult {
  /** Of all pages. */
  readonly total: number;
  readonly results: readonly PackageRow[];
}

export interface ReferrersPage {
  readonly referrers: readonly Descriptor[];
  /** Where the next page begins; undefined when this is the last. */
  readonly next?: Digest;
}

/**
 * What the registry knows about content; the bytes of blobs are elsewhere. Every method that changes something is one
 * transaction: once it returned it is durable and every later call sees it, wherever it is made; nothing of one that
 * failed is seen. Every method throws `registry-server/database` when the database cannot be reached, and one that
 * changes something `registry-server/database-busy` when others were writing for too long. On every database it passes
 * one suite, `metadata.contract.ts`.
 */
export interface Metadata {
  /**
   * Records that a blob is whole and that a repository may show it, and ends the upload that brought it. Its object
   * takes the place of one that the blob had, and a damage is healed by it. False, and nothing changes, while an object
   * of that name is being removed. Throws `registry-server/upload-range` when the upload is another's by now.
   */
  finishUpload(repository: string, digest: Digest, finished: FinishedUpload): Promise<boolean>;
  /** A blob that the repository may show, damaged or not. */
  blob(repository: string, digest: Digest): Promise<BlobRow | undefined>;
  /** Lets a second repository show a blob; false when the first, or where none is named no public one, may, or it is damaged. */
  mountBlob(from: string | undefined, to: string, digest: Digest): Promise<boolean>;
  /** False when there was none. Throws `registry-server/in-use` while a manifest of the repository refers to it. */
  unlinkBlob(repository: string, digest: Digest, by: Author): Promise<boolean>;

  /** How many uploads an actor has begun since and not ended. */
  openUploads(actor: string, sinceMs: number): Promise<number>;
  /** How many uploads were begun and not ended, by anybody. */
  allOpenUploads(): Promise<number>;

  /**
   * Before a client is told whether these are here: of what the repository shows, nothing is collected within the time
   * that clients have to push what needs it.
   */
  promise(repository: string, contents: readonly Digest[]): Promise<void>;
  /** Which of these the repository shows neither as a blob nor as a manifest, or shows and has damaged. */
  missing(repository: string, contents: readonly Digest[]): Promise<readonly Digest[]>;
  /**
   * Stores a manifest with its tags and version; one that was damaged is healed by it. Throws `store/incomplete` when content is missing and
   * `registry-server/version-exists` when the tag of a published version would come to mean other bytes, and
   * `registry-server/name-too-similar` by the rules that it brings.
   */
  putManifest(manifest: NewManifest, by: Author): Promise<void>;
  /** Throws `registry-server/content-lost` for a manifest whose bytes are others by now. */
  manifestByDigest(repository: string, digest: Digest): Promise<StoredManifest | undefined>;
  /** The same of the one that a tag points to. */
  manifestByTag(repository: string, tag: string): Promise<StoredManifest | undefined>;
  /** What the verifier read from a manifest that is here and a package. */
  verifiedPackage(repository: string, digest: Digest): Promise<VerifiedPackage | undefined>;
  /** Removes a manifest and the tags that point to it. Throws `registry-server/in-use` for what a version needs, and for a yank mark. */
  removeManifest(repository: string, digest: Digest, by: Author): Promise<boolean>;
  /** Throws `registry-server/in-use` for the tag of a published version. */
  removeTag(repository: string, tag: string, by: Author): Promise<boolean>;
  hasRepository(repository: string): Promise<boolean>;
  /** Names after `last` in byte order, of the repositories that may be shown. */
  repositories(visible: Visibility, last: string, limit: number): Promise<readonly string[]>;
  /** Tags after `last` in byte order. */
  tags(repository: string, last: string, limit: number): Promise<readonly string[]>;
  /** In byte order of their digests, after `last`, as many as have manifests of `maxBytes` together, and at least one. */
  referrers(repository: string, subject: Digest, last: string, maxBytes: number): Promise<ReferrersPage>;
  /** The digest of a published version. */
  publishedDigest(name: string, version: string): Promise<Digest | undefined>;

  /**
   * Says that a version is yanked, or that it no longer is, by a mark like those that are pushed: a manifest of its own,
   * later than all marks of that version. What is said already is not said again. The repository must have the content
   * of a mark, which is the empty object. Throws `registry-server/package-unknown` for a version that is not there.
   */
  markVersion(name: string, version: string, said: Omit<YankMark, "atMs">, by: Author): Promise<Marked>;
  /**
   * Deprecates a version, or with no version the package, and without a notice takes that back. False when that is how
   * it was. Throws `registry-server/package-unknown` for what is not there.
   */
  deprecate(
    name: string,
    version: string | undefined,
    notice: DeprecationNotice | undefined,
    by: Author,
  ): Promise<boolean>;

  /**
   * Packages that may be shown: the exact name first, then by the relevance of the text, then by how much they are used,
   * then by name.
   */
  search(query: SearchQuery, visible: Visibility, limit: number, offset: number): Promise<SearchResult>;
  /** Packages of one namespace that may be shown, by name. */
  namespacePackages(namespace: string, visible: Visibility, limit: number, offset: number): Promise<SearchResult>;
  package(name: string): Promise<PackageDetail | undefined>;

  /**
   * Adds fetches to today's, whoever else adds some: those of published versions, for the others are no downloads. What
   * is no longer recent is then no part of the recent ones.
   */
  addDownloads(fetched: readonly FetchCount[]): Promise<void>;
}
