import type { Digest } from "@cpm/base";
import type { YankMark } from "@cpm/model";
import { incompleteManifest } from "@cpm/oci";
import { failpoint } from "@cpm/store";
import { AuditedDatabase } from "../access/audited-database.ts";
import type { AuditedTransaction, Author } from "../access/audited-database.ts";
import { namespaceOf } from "../access/namespaces.ts";
import type { Visibility } from "../access/rights.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { nameTooSimilar, packageUnknown, registryError, versionExists, versionUnknown } from "../errors.ts";
import { isBeingRemoved } from "../objects/object-removals.ts";
import type {
  BlobRow,
  DeprecationNotice,
  FetchCount,
  Marked,
  Metadata,
  NewManifest,
  SearchQuery,
} from "../metadata.ts";
import { pointBlob, publicBlobSize, shownBlob, showBlob, soundBlobSize } from "./blobs.ts";
import { changeDeprecation, everyVersion } from "./deprecations.ts";
import { addDownloads, forgetOldDownloads } from "./downloads.ts";
import { ManifestBytes } from "./manifest-bytes.ts";
import { Promises } from "./promises.ts";
import { reviewBlobs, reviewUntagged } from "./reviews.ts";
import * as manifests from "./manifests.ts";
import { namespacePackages, searchPackages } from "./package-list.ts";
import { packageSearchOf } from "./package-search.ts";
import type { PackageSearch } from "./package-search.ts";
import * as packages from "./packages.ts";
import { publishedAmong, publishedDigest, publishedVersion } from "./published-versions.ts";
import type { FinishedUpload } from "../uploads.ts";
import { ensureRepository, hasRepository, listRepositories, repositoryIdOf } from "./repositories.ts";
import { similarPackage } from "./similar-names.ts";
import { listTags, pointTags, taggedOtherwise, tagsElsewhere } from "./tags.ts";
import { countUploads } from "./uploads.ts";
import { describeMark, isMark, manifestOfMark, newestMark, takeMark, toYankNotice } from "./yanks.ts";

export interface SqlMetadataOptions {
  /** A promise that is not older than this is not written again; what was promised is collected so much later. Default 0. */
  readonly promiseSlackMs?: number;
  /** Called after a change of which readers of the feed are told. */
  readonly onAnnounced?: () => void;
}

/** Metadata in a database: here are the transactions, in the files beside it what is asked within them. */
export class SqlMetadata implements Metadata {
  readonly #database: AuditedDatabase;
  readonly #search: PackageSearch;
  readonly #manifestBytes = new ManifestBytes();
  readonly #promises: Promises;

  constructor(database: Database, now: () => number, options: SqlMetadataOptions = {}) {
    const { promiseSlackMs = 0, onAnnounced } = options;
    this.#database = new AuditedDatabase(database, now, onAnnounced);
    this.#promises = new Promises(database, now, promiseSlackMs);
    this.#search = packageSearchOf(database.dialect);
  }

  async finishUpload(repository: string, digest: Digest, finished: FinishedUpload): Promise<boolean> {
    const { id, object, sizeBytes, version } = finished;
    const now = this.#database.now();
    return this.#database.transact(async (transaction) => {
      if (await isBeingRemoved(transaction, object)) return false;
      // Who was taken over from has lost the upload, also here.
      const own = version === undefined ? sql`` : sql`AND version = ${version}`;
      if ((await transaction.run(sql`DELETE FROM uploads WHERE id = ${id} ${own}`)) === 0)
        throw registryError("registry-server/upload-range", "another request took over this upload");
      await showBlob(transaction, repository, digest, sizeBytes, now);
      await pointBlob(transaction, digest, object, now);
      return true;
    });
  }

  blob(repository: string, digest: Digest): Promise<BlobRow | undefined> {
    return shownBlob(this.#database, repository, digest);
  }

  async mountBlob(from: string | undefined, to: string, digest: Digest): Promise<boolean> {
    const now = this.#database.now();
    return this.#database.transact(async (transaction) => {
      const sizeBytes =
        from === undefined ? await publicBlobSize(transaction, digest) : await soundBlobSize(transaction, from, digest);
      if (sizeBytes === undefined) return false;
      await showBlob(transaction, to, digest, sizeBytes, now);
      return true;
    });
  }

  async unlinkBlob(repository: string, digest: Digest, by: Author): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      await refuseInUse(change, repository, digest);
      const removed = await change.run(sql`
        DELETE FROM repository_blobs WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
      if (removed === 0) return false;
      await reviewBlobs(change, [digest], change.now);
      await record(change, "blob.delete", repository, { digest });
      return true;
    });
  }

  openUploads(actor: string, sinceMs: number): Promise<number> {
    return countUploads(this.#database, { actor, sinceMs });
  }

  allOpenUploads(): Promise<number> {
    return countUploads(this.#database);
  }

  promise(repository: string, contents: readonly Digest[]): Promise<void> {
    return this.#promises.give(repository, contents);
  }

  missing(repository: string, contents: readonly Digest[]): Promise<readonly Digest[]> {
    return manifests.missingContents(this.#database, repository, contents);
  }

  async putManifest(manifest: NewManifest, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      await this.#storeManifest(change, manifest);
      failpoint("manifest/stored");
    });
    failpoint("manifest/recorded");
  }

  manifestByDigest(repository: string, digest: Digest): ReturnType<Metadata["manifestByDigest"]> {
    return manifests.manifestByDigest(this.#database, this.#manifestBytes, repository, digest);
  }

  manifestByTag(repository: string, tag: string): ReturnType<Metadata["manifestByTag"]> {
    return manifests.manifestByTag(this.#database, this.#manifestBytes, repository, tag);
  }

  verifiedPackage(repository: string, digest: Digest): ReturnType<Metadata["verifiedPackage"]> {
    return manifests.verifiedPackage(this.#database, repository, digest);
  }

  async removeManifest(repository: string, digest: Digest, by: Author): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      await refuseInUse(change, repository, digest);
      const version = await publishedVersion(change, repository, digest);
      if (version !== undefined) throw versionInUse(repository, version);
      if (await isMark(change, repository, digest)) throw markInUse(repository, digest);
      if (!(await manifests.deleteManifest(change, repository, digest, change.now))) return false;
      await record(change, "manifest.delete", repository, { digest });
      await change.announce({ kind: "manifest.deleted", name: repository, detail: { digest } });
      return true;
    });
  }

  async removeTag(repository: string, tag: string, by: Author): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      const version = versionOfTag(tag);
      if ((await publishedDigest(change, repository, version)) !== undefined) throw versionInUse(repository, version);
      const own = sql`repository_id = ${repositoryIdOf(repository)} AND name = ${tag}`;
      await reviewUntagged(change, repository, sql`(SELECT digest FROM tags WHERE ${own})`, change.now);
      if ((await change.run(sql`DELETE FROM tags WHERE ${own}`)) === 0) return false;
      await record(change, "tag.delete", repository, { tag });
      await change.announce({ kind: "tag.deleted", name: repository, detail: { tag } });
      return true;
    });
  }

  hasRepository(repository: string): Promise<boolean> {
    return hasRepository(this.#database, repository);
  }

  repositories(visible: Visibility, last: string, limit: number): Promise<readonly string[]> {
    return listRepositories(this.#database, visible, last, limit);
  }

  tags(repository: string, last: string, limit: number): Promise<readonly string[]> {
    return listTags(this.#database, repository, last, limit);
  }

  referrers(repository: string, subject: Digest, last: string, maxBytes: number): ReturnType<Metadata["referrers"]> {
    return manifests.listReferrers(this.#database, repository, subject, last, maxBytes);
  }

  publishedDigest(name: string, version: string): Promise<Digest | undefined> {
    return publishedDigest(this.#database, name, version);
  }

  async markVersion(name: string, version: string, said: Omit<YankMark, "atMs">, by: Author): Promise<Marked> {
    return this.#database.change(by, async (change) => {
      const digest = await publishedDigest(change, name, version);
      if (digest === undefined) throw versionUnknown(name, version);
      const newest = await newestMark(change, name, digest);
      const yanked = toYankNotice(newest);
      if (said.yanked ? yanked?.reason === said.reason : yanked === undefined) return { digest, yanked };
      // Whatever a clock says: later than all that was said before.
      const mark = { ...said, atMs: Math.max(change.now, (newest?.atMs ?? 0) + 1) };
      await this.#storeManifest(change, await manifestOfMark(change, name, digest, mark));
      return { digest, yanked: toYankNotice(mark) };
    });
  }

  async deprecate(
    name: string,
    version: string | undefined,
    notice: DeprecationNotice | undefined,
    by: Author,
  ): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      const id = await packages.packageId(change, name);
      if (id === undefined) throw packageUnknown(name);
      if (version !== undefined && (await publishedDigest(change, name, version)) === undefined)
        throw versionUnknown(name, version);
      if (!(await changeDeprecation(change, id, version ?? everyVersion, notice))) return false;
      const action = notice === undefined ? "package.undeprecate" : "package.deprecate";
      const detail = { ...(version === undefined ? {} : { version }), ...notice };
      await record(change, action, name, detail);
      await change.announce({
        kind: notice === undefined ? "package.undeprecated" : "package.deprecated",
        name,
        detail,
      });
      return true;
    });
  }

  search(query: SearchQuery, visible: Visibility, limit: number, offset: number): ReturnType<Metadata["search"]> {
    return searchPackages(this.#database, this.#search, query, { visible, limit, offset });
  }

  namespacePackages(
    namespace: string,
    visible: Visibility,
    limit: number,
    offset: number,
  ): ReturnType<Metadata["namespacePackages"]> {
    return namespacePackages(this.#database, namespace, { visible, limit, offset });
  }

  package(name: string): ReturnType<Metadata["package"]> {
    return packages.packageDetail(this.#database, name);
  }

  async addDownloads(fetched: readonly FetchCount[]): Promise<void> {
    const now = this.#database.now();
    await this.#database.transact(async (transaction) => {
      await forgetOldDownloads(transaction, now);
      await addDownloads(transaction, fetched, now);
    });
  }

  async #storeManifest(change: AuditedTransaction, manifest: NewManifest): Promise<void> {
    const { repository, digest, tags, contents, publishedAtMs = change.now } = manifest;
    // Looked at again where nothing can be deleted meanwhile.
    const missing = await manifests.missingContents(change, repository, contents);
    if (missing.length > 0) throw incompleteManifest(repository, digest, missing);
    await refuseMoves(change, repository, tags, digest);
    if (manifest.publish) await refuseSimilarName(change, manifest);
    const pushed = await recordPush(change, manifest);
    const id = await ensureRepository(change, repository, change.now);
    await manifests.insertManifest(change, id, manifest, change.now);
    // What a tag is taken from, and what has none.
    const untagged = tags.length === 0 ? [digest] : taggedOtherwise(repository, tags, digest);
    await reviewUntagged(change, repository, untagged, change.now);
    await pointTags(change, id, tags, digest, manifest.storedAtMs ?? change.now);
    const published =
      manifest.publish &&
      manifest.package !== undefined &&
      (await packages.publishVersion(change, this.#search, manifest.package, digest, publishedAtMs));
    await announcePush(change, manifest, published, pushed);
    if (manifest.mark === undefined || manifest.subject === undefined) return;
    await takeMark(change, id, manifest.subject, manifest);
    await packages.describePackage(change, this.#search, repository);
  }
}

/** What a push changes. */
interface Pushed {
  readonly fresh: boolean;
  /** The tags that did not point to it. */
  readonly moved: readonly string[];
}

/** A push of what is here already, under tags that it has already, changes nothing. */
async function recordPush(change: AuditedTransaction, manifest: NewManifest): Promise<Pushed> {
  const { repository, digest, tags, package: verified, publish } = manifest;
  const moved = tags.length === 0 ? [] : await tagsElsewhere(change, repository, tags, digest);
  const fresh = !(await manifests.hasManifest(change, repository, digest));
  if (moved.length === 0 && !fresh) return { fresh, moved };
  const version = publish && verified !== undefined ? { version: verified.version } : {};
  const marked = await describeMark(change, manifest);
  const { action, ...more } = marked ?? { action: "manifest.push", ...version };
  await record(change, action, repository, { digest, tags: moved, ...more });
  return { fresh, moved };
}

/** Of a version the tag that it is published under is no news of its own. */
async function announcePush(
  change: AuditedTransaction,
  { repository: name, digest, subject, package: verified }: NewManifest,
  published: boolean,
  { fresh, moved }: Pushed,
): Promise<void> {
  const version = published ? verified?.version : undefined;
  if (version !== undefined) await change.announce({ kind: "version.published", name, detail: { version, digest } });
  else if (fresh) {
    const of = subject === undefined ? {} : { subject };
    await change.announce({ kind: "manifest.pushed", name, detail: { digest, ...of } });
  }
  for (const tag of moved)
    if (versionOfTag(tag) !== version) await change.announce({ kind: "tag.set", name, detail: { tag, digest } });
}

function record(
  change: AuditedTransaction,
  action: string,
  repository: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  return change.record({ action, namespace: namespaceOf(repository), subject: repository, detail });
}

/** Whatever is pushed, also what is no package: the tag of a version means the version. */
async function refuseMoves(
  change: AuditedTransaction,
  repository: string,
  tags: readonly string[],
  digest: Digest,
): Promise<void> {
  const published = await publishedAmong(change, repository, tags.map(versionOfTag));
  const other = published.find((entry) => entry.digest !== digest);
  if (other !== undefined) throw versionExists(repository, other.version, other.digest, digest);
}

/** A package that is there keeps its name, whatever came after it. */
async function refuseSimilarName(change: AuditedTransaction, { repository, nameRules }: NewManifest): Promise<void> {
  if (nameRules === undefined || (await packages.packageId(change, repository)) !== undefined) return;
  const similar = await similarPackage(change, repository, nameRules);
  if (similar !== undefined) throw nameTooSimilar(repository, similar);
}

async function refuseInUse(change: AuditedTransaction, repository: string, digest: Digest): Promise<void> {
  const user = await manifests.manifestThatNeeds(change, repository, digest);
  if (user === undefined) return;
  const message = `manifest ${user} of ${repository} refers to ${digest}`;
  throw registryError("registry-server/in-use", message, { digest, manifest: user });
}

/** Where the tag is no version's, nothing is published under what this answers. */
function versionOfTag(tag: string): string {
  return tag.replace("_", "+");
}

function versionInUse(name: string, version: string) {
  return registryError("registry-server/in-use", `${name}@${version} is published; a version is not deleted`);
}

function markInUse(repository: string, digest: Digest) {
  const message = `${digest} of ${repository} is a yank mark, which is never removed: a later one takes it back`;
  return registryError("registry-server/in-use", message);
}
