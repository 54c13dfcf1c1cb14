import { collectBytes, digestAlgorithm, isCpmError, isDigest, parseDigest } from "@cpm/base";
import type { Digest } from "@cpm/base";
import {
  defaultManifestLimits,
  formatManifest,
  formatNextLink,
  isManifestType,
  isTag,
  mediaTypes,
  parseManifestBytes,
  parseTag,
  referrersIndex,
} from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { acceptManifest } from "../accept-manifest.ts";
import type { Author } from "../access/audit-log.ts";
import type { Caller } from "../access/authenticator.ts";
import { digestInvalid, registryError } from "../errors.ts";
import type { NameRules, StoredManifest } from "../metadata.ts";
import { isPackage } from "../package-verifier.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { isYankManifest } from "../yank-manifest.ts";
import { json, noContent } from "./answers.ts";
import type { PlainAnswer } from "./answers.ts";
import { requireYank } from "./withdrawals.ts";

/** Of our own, since the bytes of a package say nothing of where it is published. */
const allowSimilarNameHeader = "cpm-allow-similar-name";
const maxNamesListed = 1000;
const maxTagsPushed = 100;
const maxReferrersBytes = 4 * 1024 * 1024;

/** GET and HEAD by tag or digest. */
export async function getManifest(
  parts: RegistryParts,
  repository: string,
  reference: string,
  request: Request,
): Promise<PlainAnswer> {
  if (request.method === "HEAD" && isDigest(reference)) await parts.metadata.promise(repository, [reference]);
  const manifest = await findManifest(parts, repository, reference, request.method);
  const answer = answerManifest(request, manifest);
  if (answer.body !== null) parts.downloads.count(repository, manifest.digest);
  return answer;
}

/** The answer to a GET or HEAD, with further headers. */
export function answerManifest(
  request: Request,
  { digest, mediaType, bytes }: StoredManifest,
  more: Readonly<Record<string, string>> = {},
): PlainAnswer {
  const etag = `"${digest}"`;
  if (request.headers.get("if-none-match")?.includes(digest) === true)
    return { status: 304, headers: { ...more, etag }, body: null, sentBytes: 0 };
  const headers = {
    ...more,
    "content-type": mediaType,
    "docker-content-digest": digest,
    etag,
    "content-length": String(bytes.length),
  };
  return { status: 200, headers, body: request.method === "HEAD" ? null : bytes, sentBytes: bytes.length };
}

/** PUT: a manifest is accepted when all that it refers to is here, and a package only when it is a whole one. */
export async function putManifest(
  parts: RegistryParts,
  repository: string,
  reference: string,
  request: Request,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const tags = tagsOf(reference, query);
  const bytes = await readBody(request);
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim();
  const manifest = parseManifestBytes(
    bytes,
    mediaType !== undefined && isManifestType(mediaType) ? mediaType : undefined,
  );
  const digest = checkedDigest(reference, bytes);
  if (isYankManifest(manifest)) await requireYank(parts, caller, repository, "push,yank");
  const rules = isPackage(manifest) ? await nameRules(parts, caller, request) : undefined;
  const offered = { repository, tags, bytes, manifest, digest };
  await acceptManifest(parts, { ...offered, ...(rules === undefined ? {} : { nameRules: rules }) }, caller);
  return noContent(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(manifest.subject === undefined ? {} : { "oci-subject": manifest.subject.digest }),
    ...(tags.length === 0 ? {} : { "oci-tag": tags.join(", ") }),
  });
}

/** Whoever says so takes a name that is like another; nobody is told so of what they may not see. */
async function nameRules(
  { gate, limits }: RegistryParts,
  caller: Caller,
  request: Request,
): Promise<NameRules | undefined> {
  if (request.headers.get(allowSimilarNameHeader) === "true") return undefined;
  return { visible: await gate.visibility(caller), muchUsedFrom: limits.muchUsedFrom };
}

/** DELETE by tag removes the tag, by digest the manifest and its tags. A published version stays. */
export async function deleteManifest(
  parts: RegistryParts,
  repository: string,
  reference: string,
  by: Author,
): Promise<Response> {
  const { metadata } = parts;
  const removed = isDigest(reference)
    ? await metadata.removeManifest(repository, reference, by)
    : await metadata.removeTag(repository, reference, by);
  if (!removed) throw manifestUnknown(repository);
  return noContent(202);
}

export async function listTags(parts: RegistryParts, repository: string, query: URLSearchParams): Promise<Response> {
  if (!(await parts.metadata.hasRepository(repository)))
    throw registryError("registry-server/name-unknown", `there is no repository ${repository}`);
  const { names, next } = await pageOf(query, `/v2/${repository}/tags/list`, (last, limit) =>
    parts.metadata.tags(repository, last, limit),
  );
  return json(200, { name: repository, tags: names }, next);
}

/** The repositories that the caller may pull from; not in the distribution specification, but asked for by many tools. */
export async function listRepositories(
  parts: RegistryParts,
  caller: Caller,
  query: URLSearchParams,
): Promise<Response> {
  const visible = await parts.gate.visibility(caller);
  const { names, next } = await pageOf(query, "/v2/_catalog", (last, limit) =>
    parts.metadata.repositories(visible, last, limit),
  );
  return json(200, { repositories: names }, next);
}

/** A page of a list of names, and the header that leads to the next one. */
export async function pageOf(
  query: URLSearchParams,
  path: string,
  list: (last: string, limit: number) => Promise<readonly string[]>,
): Promise<{ readonly names: readonly string[]; readonly next: Record<string, string> }> {
  const asked = query.get("n");
  if (asked !== null && !/^\d+$/.test(asked))
    throw registryError("registry-server/bad-query", `n is "${asked.slice(0, 40)}", which is not a count`);
  // A large count is not refused: clients ask for as many as there may be, and follow the link.
  const limit = Math.min(asked === null ? maxNamesListed : Number(asked), maxNamesListed);
  const found = await list(query.get("last") ?? "", limit + 1);
  const names = found.slice(0, limit);
  const last = names.at(-1);
  const more = found.length > limit && last !== undefined;
  return {
    names,
    next: more ? { link: formatNextLink(`${path}?n=${limit}&last=${encodeURIComponent(last)}`) } : {},
  };
}

/** An index, also of nothing for what is not here. A page may be short after filtering; the link says whether it was the last. */
export async function listReferrers(
  parts: RegistryParts,
  repository: string,
  digestText: string,
  query: URLSearchParams,
): Promise<Response> {
  const subject = parseDigest(digestText);
  const type = query.get("artifactType");
  const page = await parts.metadata.referrers(repository, subject, query.get("last") ?? "", maxReferrersBytes);
  const { body, headers } = referrersOf(page.referrers, type);
  if (page.next !== undefined) {
    const following = new URLSearchParams({ ...(type === null ? {} : { artifactType: type }), last: page.next });
    headers.set("link", formatNextLink(`/v2/${repository}/referrers/${subject}?${following}`));
  }
  return new Response(body, { headers });
}

/** An index of those that have the type, where one is asked for. */
export function referrersOf(
  referrers: readonly Descriptor[],
  type: string | null,
): { readonly body: Uint8Array<ArrayBuffer>; readonly headers: Headers } {
  const chosen = type === null ? referrers : referrers.filter((entry) => (entry.artifactType ?? "") === type);
  const headers = new Headers({ "content-type": mediaTypes.index });
  if (type !== null) headers.set("oci-filters-applied", "artifactType");
  return { body: formatManifest(referrersIndex(chosen)), headers };
}

async function findManifest(
  { metadata }: RegistryParts,
  repository: string,
  reference: string,
  method: string,
): Promise<StoredManifest> {
  try {
    const found = isDigest(reference)
      ? await metadata.manifestByDigest(repository, reference)
      : isTag(reference)
        ? await metadata.manifestByTag(repository, reference)
        : undefined;
    if (found !== undefined) return found;
  } catch (error) {
    // Who asks whether to push it is to push it.
    if (method !== "HEAD" || !isCpmError(error, "registry-server/content-lost")) throw error;
  }
  throw manifestUnknown(repository);
}

function manifestUnknown(repository: string) {
  return registryError("registry-server/manifest-unknown", `${repository} has no such manifest`);
}

/** The tag that the path names, or those of the `tag` parameters (after v1.1) beside a digest. */
function tagsOf(reference: string, query: URLSearchParams): readonly string[] {
  const named = query.getAll("tag").map(parseTag);
  if (named.length > maxTagsPushed)
    throw registryError("registry-server/too-many-tags", `${named.length} tags; ${maxTagsPushed} are taken at once`);
  if (reference.includes(":")) parseDigest(reference);
  return [...new Set([...(isDigest(reference) ? [] : [parseTag(reference)]), ...named])];
}

async function readBody(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  return collectBytes(request.body as AsyncIterable<Uint8Array>, defaultManifestLimits.maxBytes);
}

function checkedDigest(reference: string, bytes: Uint8Array): Digest {
  if (!isDigest(reference)) return digestOf(bytes);
  const actual = digestOf(bytes, digestAlgorithm(reference));
  if (actual !== reference) throw digestInvalid("the manifest", reference, actual);
  return actual;
}
