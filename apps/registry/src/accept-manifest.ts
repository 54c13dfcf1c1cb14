import type { Digest } from "@cpm/base";
import { tagToVersion } from "@cpm/model";
import { contentNotFound, descriptorsOf, incompleteManifest } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { failpoint } from "@cpm/store";
import type { Author } from "./access/audited-database.ts";
import { packageInvalid, versionExists } from "./errors.ts";
import type { Metadata, NewManifest, VerifiedPackage } from "./metadata.ts";
import type { ObjectStorage } from "./objects/object-storage.ts";
import { isPackage, verifyPackage } from "./package-verifier.ts";
import { readYankManifest } from "./yank-manifest.ts";

interface AcceptParts {
  readonly metadata: Metadata;
  readonly objects: ObjectStorage;
  readonly now: () => number;
}

/** What is read from the manifest itself. */
type AcceptedKeys = "mediaType" | "contents" | "publish" | "artifactType" | "subject" | "package" | "mark";

/** A manifest that is to be stored, read, and with a digest that was checked. */
export interface OfferedManifest extends Omit<NewManifest, AcceptedKeys> {
  readonly manifest: OciManifest | OciIndex;
}

/**
 * Stores a manifest, from wherever it comes, when all that it refers to is here, and a package only when every byte of
 * it was read and it is a whole one. Throws `store/incomplete`, `registry-server/package-invalid`,
 * `registry-server/yank-invalid` and `registry-server/version-exists`.
 */
export async function acceptManifest(
  parts: AcceptParts,
  { manifest, ...offered }: OfferedManifest,
  by: Author,
): Promise<void> {
  const { repository, digest, tags } = offered;
  const mark = readYankManifest(manifest, parts.now());
  const contents = requiredContents(manifest);
  await parts.metadata.promise(repository, contents);
  const missing = await parts.metadata.missing(repository, contents);
  if (missing.length > 0) throw incompleteManifest(repository, digest, missing);
  const verified = await verifiedPackage(parts, repository, manifest, digest);
  const publish = verified !== undefined && (await publishes(parts, verified, tags, digest));
  failpoint("manifest/verified");
  const accepted: NewManifest = {
    ...offered,
    mediaType: manifest.mediaType,
    contents,
    publish,
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    ...(manifest.subject === undefined ? {} : { subject: manifest.subject.digest }),
    ...(verified === undefined ? {} : { package: verified }),
    ...(mark === undefined ? {} : { mark }),
  };
  await parts.metadata.putManifest(accepted, by);
}

/** All but what is kept elsewhere by its nature: layers with addresses of their own, and those not to be distributed. */
function requiredContents(manifest: OciManifest | OciIndex): readonly Digest[] {
  const here = (entry: Descriptor): boolean =>
    (entry.urls === undefined || entry.urls.length === 0) && !/\.nondistributable\.|\.foreign\./.test(entry.mediaType);
  return descriptorsOf(manifest)
    .filter((entry) => manifest.kind === "index" || entry === manifest.config || here(entry))
    .map((entry) => entry.digest);
}

async function verifiedPackage(
  parts: AcceptParts,
  repository: string,
  manifest: OciManifest | OciIndex,
  digest: Digest,
): Promise<VerifiedPackage | undefined> {
  if (!isPackage(manifest)) return undefined;
  const { metadata, objects } = parts;
  const known = await metadata.verifiedPackage(repository, digest);
  if (known !== undefined) return known;
  return verifyPackage(manifest, {
    repository,
    async *read(content) {
      const blob = await metadata.blob(repository, content.digest);
      if (blob === undefined) throw contentNotFound(repository, content.digest);
      yield* objects.read(blob.object ?? objects.defaultObject(content.digest), blob.sizeBytes);
    },
    manifest: (child) => metadata.manifestByDigest(repository, child),
    verified: (child) => metadata.verifiedPackage(repository, child),
  });
}

/**
 * Whether the push makes a version exist: under its version's tag. Another version's tag is refused; a tag that is
 * no version, such as `latest`, is one like any other.
 */
async function publishes(
  parts: AcceptParts,
  { name, version }: VerifiedPackage,
  tags: readonly string[],
  digest: Digest,
): Promise<boolean> {
  const versions = tags.flatMap((tag) => tagToVersion(tag) ?? []);
  const wrong = versions.find((tagged) => tagged.text !== version);
  if (wrong !== undefined) throw packageInvalid(`version ${version} was pushed under the tag of ${wrong.text}`);
  if (versions.length === 0) return false;
  const present = await parts.metadata.publishedDigest(name, version);
  if (present !== undefined && present !== digest) throw versionExists(name, version, present, digest);
  return true;
}
