import { parseDigest } from "@cpm/base";
import { parseRangeRequest, parseRepositoryName, parseUploadRange } from "@cpm/oci";
import { registryError } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { noContent } from "./answers.ts";

/** GET and HEAD of a blob, with one range (RFC 9110 §14). */
export function getBlob(parts: RegistryParts, repository: string, digestText: string, request: Request): Response {
  const digest = parseDigest(digestText);
  const sizeBytes = parts.metadata.blobSize(repository, digest);
  if (sizeBytes === undefined) throw registryError("registry/blob-unknown", `${repository} has no blob ${digest}`);
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    etag: `"${digest}"`,
    "accept-ranges": "bytes",
    "cache-control": "public, max-age=31536000, immutable",
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

/** DELETE: the repository no longer shows the blob; its bytes are collected later. */
export function deleteBlob(parts: RegistryParts, repository: string, digestText: string): Response {
  const digest = parseDigest(digestText);
  if (!parts.metadata.unlinkBlob(repository, digest))
    throw registryError("registry/blob-unknown", `${repository} has no blob ${digest}`);
  return noContent(202);
}

/** POST: begins an upload, mounts a blob of another repository, or takes a whole blob at once. */
export async function startUpload(
  parts: RegistryParts,
  repository: string,
  request: Request,
  query: URLSearchParams,
): Promise<Response> {
  const mount = query.get("mount");
  const from = query.get("from");
  if (
    mount !== null &&
    from !== null &&
    parts.metadata.mountBlob(parseRepositoryName(from), repository, parseDigest(mount))
  ) {
    return created(repository, mount);
  }
  const id = parts.uploads.create();
  parts.metadata.createUpload(id, repository);
  const digest = query.get("digest");
  if (digest === null) return accepted(repository, id, 0, 202);
  return finish(parts, repository, id, digest, request);
}

/** PATCH: appends a chunk, which must begin where the upload stands. */
export async function patchUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  request: Request,
): Promise<Response> {
  requireUpload(parts, repository, id);
  await checkRange(parts, id, request);
  const sizeBytes = await parts.uploads.append(id, bodyOf(request));
  return accepted(repository, id, sizeBytes, 202);
}

/** PUT: appends the last chunk, if any, and ends the upload. */
export async function putUpload(
  parts: RegistryParts,
  repository: string,
  id: string,
  request: Request,
  query: URLSearchParams,
): Promise<Response> {
  requireUpload(parts, repository, id);
  const digest = query.get("digest");
  if (digest === null) throw registryError("registry/digest-invalid", "the digest parameter is missing");
  await checkRange(parts, id, request);
  return finish(parts, repository, id, digest, request);
}

export async function uploadStatus(parts: RegistryParts, repository: string, id: string): Promise<Response> {
  requireUpload(parts, repository, id);
  return accepted(repository, id, await parts.uploads.sizeBytes(id), 204);
}

export function cancelUpload(parts: RegistryParts, repository: string, id: string): Response {
  requireUpload(parts, repository, id);
  parts.uploads.remove(id);
  parts.metadata.removeUpload(id);
  return noContent(204);
}

async function finish(
  parts: RegistryParts,
  repository: string,
  id: string,
  digestText: string,
  request: Request,
): Promise<Response> {
  const digest = parseDigest(digestText);
  await parts.uploads.append(id, bodyOf(request));
  try {
    const sizeBytes = await parts.uploads.finish(id, digest);
    parts.metadata.addBlob(repository, digest, sizeBytes);
  } finally {
    parts.metadata.removeUpload(id);
  }
  return created(repository, digest);
}

async function checkRange(parts: RegistryParts, id: string, request: Request): Promise<void> {
  const header = request.headers.get("content-range");
  if (header === null) return;
  const range = parseUploadRange(header);
  const sizeBytes = await parts.uploads.sizeBytes(id);
  if (range === undefined || range.start !== sizeBytes) {
    throw registryError(
      "registry/upload-range",
      `the chunk begins at ${range?.start ?? header}, the upload stands at ${sizeBytes}`,
      { sizeBytes },
    );
  }
}

function requireUpload(parts: RegistryParts, repository: string, id: string): void {
  if (!parts.metadata.hasUpload(id, repository))
    throw registryError("registry/upload-unknown", `${repository} has no upload ${id}`);
}

function bodyOf(request: Request): AsyncIterable<Uint8Array> {
  return request.body === null ? noBytes() : (request.body as AsyncIterable<Uint8Array>);
}

// oxlint-disable-next-line require-yield
async function* noBytes(): AsyncGenerator<Uint8Array> {}

function created(repository: string, digest: string): Response {
  return noContent(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
}

/** `Range` counts from 0 to the last byte received; an empty upload is written `0-0` (as other registries do). */
function accepted(repository: string, id: string, sizeBytes: number, status: number): Response {
  const location = `/v2/${repository}/blobs/uploads/${id}`;
  return noContent(status, { location, range: `0-${Math.max(0, sizeBytes - 1)}`, "docker-upload-uuid": id });
}
