import { digestAlgorithm, emptySource, isCpmError, parseDigest } from "@cpm/base";
import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { parseRangeRequest, parseRepositoryName, parseUploadRange } from "@cpm/oci";
import { failpoint } from "@cpm/store";
import type { Author } from "../access/audit-log.ts";
import type { Caller } from "../access/authenticator.ts";
import { personOf } from "../access/principal.ts";
import { rateLimited, registryError } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { noContent } from "./answers.ts";

/** An upload this old is not counted as one that is under way. */
const abandonedMs = 24 * 60 * 60_000;
/** How long whoever has too many uploads open is told to wait. */
const uploadRetryS = 60;

/** GET and HEAD of a blob, with one range (RFC 9110 §14). */
export async function getBlob(
  parts: RegistryParts,
  repository: string,
  digestText: string,
  request: Request,
): Promise<Response> {
  const digest = parseDigest(digestText);
  const sizeBytes = await parts.metadata.blobSize(repository, digest);
  if (sizeBytes === undefined) throw blobUnknown(repository, digest);
  if (parts.blobs.stat(digest)?.sizeBytes !== sizeBytes)
    throw registryError("registry-server/content-lost", `the file of ${digest} is gone or has another size`);
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag: `"${digest}"`,
    "accept-ranges": "bytes",
    // It never changes; but a cache between is not to show it to whom this registry would not.
    "cache-control": "private, max-age=31536000, immutable",
  };
  if (request.headers.get("if-none-match")?.includes(digest) === true)
    return new Response(null, { status: 304, headers });
  if (request.method === "HEAD")
    return new Response(null, { headers: { ...headers, "content-length": String(sizeBytes) } });
  const file = Bun.file(parts.blobs.pathOf(digest));
  const condition = request.headers.get("if-range");
  const asked = condition === null || condition === headers["etag"] ? request.headers.get("range") : null;
  const range = asked === null ? undefined : parseRangeRequest(asked, sizeBytes);
  if (range === "unsatisfiable") return noContent(416, { "content-range": `bytes */${sizeBytes}` });
  if (range === undefined) return new Response(file, { headers: { ...headers, "content-length": String(sizeBytes) } });
  const { start, end } = range;
  return new Response(file.slice(start, end + 1), {
    status: 206,
    headers: {
      ...headers,
      "content-length": String(end - start + 1),
      "content-range": `bytes ${start}-${end}/${sizeBytes}`,
    },
  });
}

/** DELETE: the repository no longer shows the blob; its bytes are collected later. What a manifest needs stays. */
export async function deleteBlob(
  parts: RegistryParts,
  repository: string,
  digestText: string,
  by: Author,
): Promise<Response> {
  const digest = parseDigest(digestText);
  if (!(await parts.metadata.unlinkBlob(repository, digest, by))) throw blobUnknown(repository, digest);
  return noContent(202);
}

/** POST: begins an upload, mounts a blob of another repository, or takes a whole blob at once. */
export async function startUpload(
  parts: RegistryParts,
  repository: string,
  request: Request,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  const mount = query.get("mount");
  if (mount !== null) {
    const digest = parseDigest(mount);
    const named = query.get("from");
    const from = named === null ? undefined : parseRepositoryName(named);
    // What the caller may not pull is for them not there: an upload is begun instead.
    const allowed = from === undefined || (await parts.gate.mayMountFrom(caller, from, repository));
    if (allowed && (await parts.metadata.mountBlob(from, repository, digest))) return created(repository, digest);
  }
  const person = personOf(caller.principal);
  if ((await parts.metadata.openUploads(person, parts.now() - abandonedMs)) >= parts.limits.maxOpenUploads)
    throw rateLimited(`${parts.limits.maxOpenUploads} uploads are open already`, uploadRetryS);
  const digestText = query.get("digest");
  const digest = digestText === null ? undefined : parseDigest(digestText);
  const id = parts.uploads.create(digest === undefined ? expectedAlgorithm(query) : digestAlgorithm(digest));
  await parts.metadata.createUpload(id, repository, person);
  if (digest === undefined) return accepted(repository, id, 0, 202);
  try {
    return await finish(parts, repository, id, digest, bodyOf(request), undefined);
  } catch (error) {
    // Nobody was told of this upload, so nobody can go on with it.
    await forget(parts, id);
    throw error;
  }
}

/** PATCH: appends a chunk, which must begin where the upload stands. */
export async function patchUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  request: Request,
  caller: Caller,
): Promise<Response> {
  await requireUpload(parts, repository, id, caller);
  const sizeBytes = await parts.uploads.append(id, bodyOf(request), startOf(request));
  return accepted(repository, id, sizeBytes, 202);
}

/** PUT: appends the last chunk, if any, and ends the upload. */
export async function putUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  request: Request,
  query: URLSearchParams,
  caller: Caller,
): Promise<Response> {
  await requireUpload(parts, repository, id, caller);
  const digest = query.get("digest");
  if (digest === null) throw registryError("registry-server/bad-query", "the digest parameter is missing");
  return finish(parts, repository, id, parseDigest(digest), bodyOf(request), startOf(request));
}

export async function uploadStatus(
  parts: RegistryParts,
  repository: string,
  id: string,
  caller: Caller,
): Promise<Response> {
  await requireUpload(parts, repository, id, caller);
  return accepted(repository, id, parts.uploads.sizeBytes(id), 204);
}

export async function cancelUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  caller: Caller,
): Promise<Response> {
  await requireUpload(parts, repository, id, caller);
  await forget(parts, id);
  return noContent(204);
}

/** The bytes are durable before the record of them is, and the record before the answer. */
async function finish(
  parts: RegistryParts,
  repository: string,
  id: string,
  digest: Digest,
  body: ByteSource,
  startBytes: number | undefined,
): Promise<Response> {
  let sizeBytes: number;
  try {
    sizeBytes = await parts.uploads.finish(id, body, digest, startBytes);
  } catch (error) {
    if (isCpmError(error, "registry-server/digest-invalid")) await forget(parts, id);
    throw error;
  }
  await parts.metadata.finishUpload(id, repository, digest, sizeBytes);
  failpoint("upload/recorded");
  parts.uploads.settle(id);
  return created(repository, digest);
}

async function forget(parts: RegistryParts, id: string): Promise<void> {
  parts.uploads.remove(id);
  await parts.metadata.removeUpload(id);
}

/** Where the chunk says it begins; undefined for a stream, which begins wherever the upload stands. */
function startOf(request: Request): number | undefined {
  const header = request.headers.get("content-range");
  if (header === null) return undefined;
  const range = parseUploadRange(header);
  if (range === undefined)
    throw registryError("registry-server/upload-range", `Content-Range is "${header.slice(0, 100)}"`);
  return range.start;
}

/** A hint only (`digest-algorithm`, after v1.1): another algorithm is found out at the closing PUT. */
function expectedAlgorithm(query: URLSearchParams): DigestAlgorithm {
  return query.get("digest-algorithm") === "sha512" ? "sha512" : "sha256";
}

async function requireUpload(parts: RegistryParts, repository: string, id: string, caller: Caller): Promise<void> {
  if (!(await parts.metadata.hasUpload(id, repository, personOf(caller.principal))))
    throw registryError("registry-server/upload-unknown", `${repository} has no such upload`);
}

function blobUnknown(repository: string, digest: Digest) {
  return registryError("registry-server/blob-unknown", `${repository} has no blob ${digest}`);
}

function bodyOf(request: Request): ByteSource {
  return request.body === null ? emptySource() : (request.body as ByteSource);
}

function created(repository: string, digest: Digest): Response {
  return noContent(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
}

/** `Range` counts from 0 to the last byte received; an empty upload is written `0-0` (as other registries do). */
function accepted(repository: string, id: string, sizeBytes: number, status: number): Response {
  const location = `/v2/${repository}/blobs/uploads/${id}`;
  return noContent(status, { location, range: `0-${Math.max(0, sizeBytes - 1)}`, "docker-upload-uuid": id });
}
