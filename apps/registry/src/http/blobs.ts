import { digestAlgorithm, emptySource, parseDigest } from "@cpm/base";
import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { parseRangeRequest, parseRepositoryName, parseUploadRange } from "@cpm/oci";
import type { Author } from "../access/audit-log.ts";
import type { Caller } from "../access/authenticator.ts";
import { personOf } from "../access/principal.ts";
import { contentLost, rateLimited, registryError } from "../errors.ts";
import { presignedS } from "../objects/object-storage.ts";
import type { ByteRange } from "../objects/object-storage.ts";
import type { UploadRecord } from "../objects/upload-records.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { noContent } from "./answers.ts";

/** How long whoever has too many uploads open is told to wait. */
const uploadRetryS = 60;

/** GET and HEAD of a blob, with one range (RFC 9110 §14). A HEAD is answered by what the database knows. */
export async function getBlob(
  parts: RegistryParts,
  repository: string,
  digestText: string,
  request: Request,
): Promise<Response> {
  const digest = parseDigest(digestText);
  // Who asks with HEAD leaves out the push of what is here.
  if (request.method === "HEAD") await parts.metadata.promise(repository, [digest]);
  const blob = await parts.metadata.blob(repository, digest);
  if (blob === undefined) throw blobUnknown(repository, digest);
  // Who asks whether to push it is to push it; who wants it is told why they cannot have it.
  if (blob.damaged && request.method === "HEAD") throw blobUnknown(repository, digest);
  if (blob.damaged) throw contentLost(`the bytes of blob ${digest} are damaged`);
  const object = blob.object ?? parts.objects.defaultObject(digest);
  return answerBlob(request, digest, {
    sizeBytes: blob.sizeBytes,
    body: (range) => parts.objects.body(object, blob.sizeBytes, range),
    elsewhere: async () =>
      blob.sizeBytes < parts.redirectFromBytes ? undefined : parts.objects.presign(object, presignedS),
  });
}

/** A blob as it can be answered. */
interface AnswerableBlob {
  readonly sizeBytes: number;
  /** Exactly the range. */
  readonly body: (range: ByteRange) => Promise<Blob | ReadableStream<Uint8Array>>;
  /** The address where the client is to fetch it; undefined for here. */
  readonly elsewhere?: () => Promise<string | undefined>;
}

/** The answer to a GET or HEAD, with one range, and conditions. */
export async function answerBlob(
  request: Request,
  digest: Digest,
  { sizeBytes, body: open, elsewhere: redirect }: AnswerableBlob,
): Promise<Response> {
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
  const elsewhere = await redirect?.();
  // The address is for whom it was given to, and ends; a range applies there.
  if (elsewhere !== undefined)
    return noContent(307, { location: elsewhere, "docker-content-digest": digest, "cache-control": "no-store" });
  const condition = request.headers.get("if-range");
  const asked = condition === null || condition === headers["etag"] ? request.headers.get("range") : null;
  const range = asked === null ? undefined : parseRangeRequest(asked, sizeBytes);
  if (range === "unsatisfiable") return noContent(416, { "content-range": `bytes */${sizeBytes}` });
  const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
  const body = await open({ startBytes: start, endBytes: end + 1 });
  return new Response(body, {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      "content-length": String(end - start + 1),
      ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${sizeBytes}` }),
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
  const open = await parts.metadata.openUploads(person, parts.now() - parts.limits.uploadExpiryMs);
  if (open >= parts.limits.maxOpenUploads)
    throw rateLimited(`${parts.limits.maxOpenUploads} uploads are open already`, uploadRetryS);
  const digestText = query.get("digest");
  const digest = digestText === null ? undefined : parseDigest(digestText);
  const algorithm = digest === undefined ? expectedAlgorithm(query) : digestAlgorithm(digest);
  const upload = await parts.uploads.create(repository, person, algorithm);
  if (digest === undefined) return accepted(repository, upload.id, 0, 202);
  try {
    return await finish(parts, upload, digest, request);
  } catch (error) {
    // Nobody was told of this upload, so nobody can go on with it. Where that fails too, it expires.
    await parts.uploads.cancel(upload).catch(() => undefined);
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
  const upload = await find(parts, repository, id, caller);
  const sizeBytes = await parts.uploads.append(upload, bodyOf(request), startOf(request));
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
  const upload = await find(parts, repository, id, caller);
  const digest = query.get("digest");
  if (digest === null) throw registryError("registry-server/bad-query", "the digest parameter is missing");
  return finish(parts, upload, parseDigest(digest), request);
}

export async function uploadStatus(
  parts: RegistryParts,
  repository: string,
  id: string,
  caller: Caller,
): Promise<Response> {
  const upload = await find(parts, repository, id, caller);
  return accepted(repository, id, await parts.uploads.sizeBytes(upload), 204);
}

export async function cancelUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  caller: Caller,
): Promise<Response> {
  await parts.uploads.cancel(await find(parts, repository, id, caller));
  return noContent(204);
}

async function finish(parts: RegistryParts, upload: UploadRecord, digest: Digest, request: Request): Promise<Response> {
  const { repository } = upload;
  await parts.uploads.finish(upload, bodyOf(request), digest, startOf(request), async (finished) =>
    parts.metadata.finishUpload(repository, digest, finished),
  );
  return created(repository, digest);
}

function find(parts: RegistryParts, repository: string, id: string, caller: Caller): Promise<UploadRecord> {
  return parts.uploads.find(id, repository, personOf(caller.principal));
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
