import { parseDigest } from "@cpm/base";
import type { OciRoute } from "@cpm/oci";
import type { Caller } from "../access/authenticator.ts";
import { mirrorReadOnly, registryError } from "../errors.ts";
import type { Mirror } from "../mirror/mirror.ts";
import type { Answered } from "../mirror/mirror-answers.ts";
import { parseVia } from "../mirror/via.ts";
import type { Via } from "../mirror/via.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { json } from "./answers.ts";
import type { PlainAnswer } from "./answers.ts";
import { answerBlob } from "./blobs.ts";
import { answerManifest, pageOf, referrersOf } from "./manifests.ts";
import { packageNameOf } from "./router.ts";

type RepositoryRoute = OciRoute & { readonly repository: string };

/** What is asked of a repository that is another registry's; undefined where it is none. */
export async function handleMirrored(
  parts: RegistryParts,
  target: RepositoryRoute,
  request: Request,
  url: URL,
): Promise<Response | PlainAnswer | undefined> {
  const mirror = await parts.mirrors?.of(target.repository, viaOf(request));
  if (mirror === undefined) return undefined;
  if (request.method !== "GET" && request.method !== "HEAD") throw mirrorReadOnly(target.repository, mirror.upstream);
  switch (target.kind) {
    case "blob":
      return mirroredBlob(mirror, target.digest, request);
    case "manifest":
      return mirroredManifest(mirror, target.repository, target.reference, request);
    case "tags":
      return mirroredTags(mirror, target.repository, url.searchParams);
    case "referrers":
      return mirroredReferrers(mirror, target.digest, url.searchParams);
    default:
      throw registryError("registry-server/upload-unknown", `${target.repository} has no such upload`);
  }
}

/** Throws for a change of a package that is another registry's, where the caller may know of it. */
export async function refuseMirrored(parts: RegistryParts, caller: Caller, pathname: string): Promise<void> {
  const [, namespace, name] = /^\/api\/v1\/packages\/([^/]+)\/([^/]+)/.exec(pathname) ?? [];
  const repository = namespace === undefined || name === undefined ? undefined : packageNameOf(namespace, name);
  const mirror = repository === undefined ? undefined : await parts.mirrors?.of(repository);
  if (repository === undefined || mirror === undefined) return;
  if ((await parts.gate.rights(caller.principal, repository)).has("pull"))
    throw mirrorReadOnly(repository, mirror.upstream);
}

export function viaOf(request: Request): Via {
  return parseVia(request.headers.get("via"));
}

/** Says of an answer that it is old, where the upstream cannot be asked (RFC 9111, 5.1; distribution-spec, "Warnings"). */
export function ageHeaders(
  mirror: Mirror | undefined,
  { staleMs }: Pick<Answered<unknown>, "staleMs">,
): Record<string, string> {
  if (mirror === undefined || staleMs === undefined) return {};
  const ageS = Math.floor(staleMs / 1000);
  return {
    age: String(ageS),
    warning: `299 - "${mirror.upstream} does not answer; this is what it said ${ageS} s ago"`,
  };
}

async function mirroredBlob(mirror: Mirror, digestText: string, request: Request): Promise<Response> {
  const digest = parseDigest(digestText);
  return answerBlob(request, digest, await mirror.blob(digest));
}

async function mirroredManifest(
  mirror: Mirror,
  repository: string,
  reference: string,
  request: Request,
): Promise<PlainAnswer> {
  const found = await mirror.manifest(reference);
  if (found === undefined)
    throw registryError("registry-server/manifest-unknown", `${repository} has no such manifest`);
  return answerManifest(request, found.value, ageHeaders(mirror, found));
}

async function mirroredTags(mirror: Mirror, repository: string, query: URLSearchParams): Promise<Response> {
  const found = await mirror.tags();
  if (found === undefined) throw registryError("registry-server/name-unknown", `there is no repository ${repository}`);
  const { names, next } = await pageOf(query, `/v2/${repository}/tags/list`, async (last, limit) => {
    const from = last === "" ? 0 : found.value.findIndex((tag) => tag > last);
    return from === -1 ? [] : found.value.slice(from, from + limit);
  });
  return json(200, { name: repository, tags: names }, { ...next, ...ageHeaders(mirror, found) });
}

async function mirroredReferrers(mirror: Mirror, digestText: string, query: URLSearchParams): Promise<Response> {
  const found = await mirror.referrers(parseDigest(digestText));
  const { body, headers } = referrersOf(found.value, query.get("artifactType"));
  for (const [name, value] of Object.entries(ageHeaders(mirror, found))) headers.set(name, value);
  return new Response(body, { headers });
}
