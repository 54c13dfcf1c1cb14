import { collectBytes, isDigest, parseDigest } from "@cpm/base";
import type { Digest } from "@cpm/base";
import {
  defaultManifestLimits,
  descriptorsOf,
  formatManifest,
  formatNextLink,
  incompleteManifest,
  isManifestType,
  isTag,
  mediaTypes,
  parseManifestBytes,
  parseTag,
  referrersIndex,
} from "@cpm/oci";
import type { OciIndex, OciManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { registryError, versionExists } from "../errors.ts";
import type { PublishedVersion, StoredManifest } from "../metadata.ts";
import { isPackage, verifyPackage, versionTag } from "../package-verifier.ts";
import type { RegistryParts } from "../registry.ts";
import { json, noContent } from "./answers.ts";

const maxTags = 1000;

/** GET and HEAD by tag or digest. */
export function getManifest(parts: RegistryParts, repository: string, reference: string, request: Request): Response {
  const manifest = findManifest(parts, repository, reference);
  const headers = {
    "content-type": manifest.mediaType,
    "docker-content-digest": manifest.digest,
    etag: `"${manifest.digest}"`,
    "content-length": String(manifest.bytes.length),
  };
  if (request.headers.get("if-none-match")?.includes(manifest.digest) === true)
    return new Response(null, { status: 304, headers: { etag: headers.etag } });
  return new Response(request.method === "HEAD" ? null : (manifest.bytes as Uint8Array<ArrayBuffer>), { headers });
}

/** PUT: a manifest is accepted when all that it refers to is here, and a package only when it is a whole one. */
export async function putManifest(
  parts: RegistryParts,
  repository: string,
  reference: string,
  request: Request,
  query: URLSearchParams,
): Promise<Response> {
  const bytes = await readBody(request);
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim();
  const manifest = parseManifestBytes(
    bytes,
    mediaType !== undefined && isManifestType(mediaType) ? mediaType : undefined,
  );
  const digest = checkedDigest(reference, bytes);
  const tags = [...(isDigest(reference) ? [] : [parseTag(reference)]), ...query.getAll("tag").map(parseTag)];
  requireContents(parts, repository, manifest, digest);
  const published = await publishedVersion(parts, repository, manifest, tags, digest);
  parts.metadata.putManifest({
    repository,
    digest,
    mediaType: manifest.mediaType,
    bytes,
    tags,
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    ...(manifest.subject === undefined ? {} : { subject: manifest.subject.digest }),
    ...(published === undefined ? {} : { published }),
  });
  const subject: Record<string, string> =
    manifest.subject === undefined ? {} : { "oci-subject": manifest.subject.digest };
  return noContent(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...subject,
  });
}

/** DELETE by tag removes the tag, by digest the manifest and its tags. A published version stays. */
export function deleteManifest(parts: RegistryParts, repository: string, reference: string): Response {
  const { digest } = findManifest(parts, repository, reference);
  refusePublished(parts, repository, isDigest(reference) ? undefined : reference, digest);
  if (isDigest(reference)) parts.metadata.removeManifest(repository, digest);
  else parts.metadata.removeTag(repository, reference);
  return noContent(202);
}

export function listTags(parts: RegistryParts, repository: string, query: URLSearchParams): Response {
  if (!parts.metadata.hasRepository(repository))
    throw registryError("registry/name-unknown", `there is no repository ${repository}`);
  const asked = query.get("n");
  if (asked !== null && !/^\d{1,9}$/.test(asked))
    throw registryError("registry/bad-query", `n is "${asked}", which is not a count`);
  const limit = Math.min(asked === null ? maxTags : Number(asked), maxTags);
  const tags = parts.metadata.tags(repository, query.get("last") ?? "", limit + 1);
  const page = tags.slice(0, limit);
  const last = page.at(-1);
  const more = tags.length > limit && last !== undefined;
  const next: Record<string, string> = more
    ? { link: formatNextLink(`/v2/${repository}/tags/list?n=${limit}&last=${encodeURIComponent(last)}`) }
    : {};
  return json(200, { name: repository, tags: page }, next);
}

export function listReferrers(
  parts: RegistryParts,
  repository: string,
  digestText: string,
  query: URLSearchParams,
): Response {
  const type = query.get("artifactType");
  const all = parts.metadata.referrers(repository, parseDigest(digestText));
  const chosen = type === null || type === "" ? all : all.filter((entry) => entry.artifactType === type);
  const filtered: Record<string, string> =
    type === null || type === "" ? {} : { "oci-filters-applied": "artifactType" };
  return new Response(formatManifest(referrersIndex(chosen)), {
    headers: { "content-type": mediaTypes.index, ...filtered },
  });
}

function findManifest(parts: RegistryParts, repository: string, reference: string): StoredManifest {
  const found = isDigest(reference)
    ? parts.metadata.manifestByDigest(repository, reference)
    : isTag(reference)
      ? parts.metadata.manifestByTag(repository, reference)
      : undefined;
  if (found === undefined)
    throw registryError("registry/manifest-unknown", `${repository} has no manifest ${reference}`);
  return found;
}

async function readBody(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  return collectBytes(request.body as AsyncIterable<Uint8Array>, defaultManifestLimits.maxBytes);
}

function checkedDigest(reference: string, bytes: Uint8Array): Digest {
  if (!isDigest(reference)) return digestOf(bytes);
  const actual = digestOf(bytes, reference.startsWith("sha512:") ? "sha512" : "sha256");
  if (actual !== reference)
    throw registryError("registry/digest-invalid", `the manifest has digest ${actual}, not ${reference}`, {
      expected: reference,
      actual,
    });
  return actual;
}

function requireContents(
  parts: RegistryParts,
  repository: string,
  manifest: OciManifest | OciIndex,
  digest: Digest,
): void {
  const isThere = (entry: Digest) =>
    manifest.kind === "index"
      ? parts.metadata.manifestByDigest(repository, entry) !== undefined
      : parts.metadata.blobSize(repository, entry) !== undefined;
  const missing = descriptorsOf(manifest).filter((entry) => !isThere(entry.digest));
  if (missing.length > 0)
    throw incompleteManifest(
      repository,
      digest,
      missing.map((entry) => entry.digest),
    );
}

/** The version that a push publishes: a package manifest, or an index of them, under its version's tag. */
async function publishedVersion(
  parts: RegistryParts,
  repository: string,
  manifest: OciManifest | OciIndex,
  tags: readonly string[],
  digest: Digest,
): Promise<PublishedVersion | undefined> {
  if (!isPackage(manifest)) return undefined;
  const published =
    manifest.kind === "manifest"
      ? await verifyPackage(manifest, repository, parts.blobs)
      : await verifyIndex(parts, repository, manifest);
  const wanted = versionTag(published);
  const wrong = tags.find((tag) => tag !== wanted);
  if (wrong !== undefined)
    throw registryError("registry/package-invalid", `version ${published.version} was pushed under the tag ${wrong}`);
  if (tags.length === 0) return undefined;
  const present = parts.metadata.publishedDigest(published.name, published.version);
  if (present !== undefined && present !== digest) throw versionExists(published.name, published.version, present);
  return published;
}

async function verifyIndex(parts: RegistryParts, repository: string, index: OciIndex): Promise<PublishedVersion> {
  let first: PublishedVersion | undefined;
  for (const child of index.manifests) {
    const stored = parts.metadata.manifestByDigest(repository, child.digest);
    const manifest = stored === undefined ? undefined : parseManifestBytes(stored.bytes, stored.mediaType);
    if (manifest?.kind !== "manifest" || !isPackage(manifest))
      throw registryError("registry/package-invalid", "an index of packages may list packages only");
    const published = await verifyPackage(manifest, repository, parts.blobs);
    if (first !== undefined && first.manifest !== published.manifest)
      throw registryError("registry/package-invalid", "the platforms of a package must share one manifest");
    first ??= published;
  }
  if (first === undefined) throw registryError("registry/package-invalid", "an index of packages lists none");
  return first;
}

function refusePublished(parts: RegistryParts, repository: string, tag: string | undefined, digest: Digest): void {
  const versions = parts.metadata.package(repository)?.versions ?? [];
  const version = versions.find(
    (entry) => entry.digest === digest && (tag === undefined || entry.version.replace("+", "_") === tag),
  );
  if (version !== undefined)
    throw registryError(
      "registry/unsupported",
      `${repository}@${version.version} is published; a version is not deleted`,
    );
}
