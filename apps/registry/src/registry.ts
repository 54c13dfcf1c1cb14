import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { BlobDirectory, makeDirectory, tryLock } from "@cpm/store";
import { registryError } from "./errors.ts";
import { errorResponse, noContent } from "./http/answers.ts";
import { cancelUpload, deleteBlob, getBlob, patchUpload, putUpload, startUpload, uploadStatus } from "./http/blobs.ts";
import { deleteManifest, getManifest, listReferrers, listTags, putManifest } from "./http/manifests.ts";
import { handlePackages } from "./http/packages.ts";
import { parseOciPath } from "./http/router.ts";
import type { OciRoute } from "./http/router.ts";
import type { Metadata } from "./metadata.ts";
import { openSqliteMetadata } from "./sqlite-metadata.ts";
import { Uploads } from "./uploads.ts";

/** What the routes work with. */
export interface RegistryParts {
  readonly metadata: Metadata;
  readonly blobs: BlobDirectory;
  readonly uploads: Uploads;
}

export interface RegistryOptions {
  readonly dataDirectory: string;
  /** Default 100 GiB. */
  readonly maxBlobBytes?: number;
  readonly now?: () => number;
  /** One call for each request that ended, and for each unexpected failure. */
  readonly log?: (entry: LogEntry) => void;
}

export interface LogEntry {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly error?: string;
}

/** A registry is a function from request to response; what listens is for the caller. */
export interface Registry {
  fetch(request: Request): Promise<Response>;
  close(): void;
}

type ProcessLock = NonNullable<ReturnType<typeof tryLock>>;

const defaultMaxBlobBytes = 100 * 1024 ** 3;

/**
 * Opens a registry on one directory: SQLite for what is known, files for the bytes. One process at a time has a
 * directory, since it remembers where uploads stand. Throws `registry-server/locked`, and file errors.
 */
export function openRegistry(options: RegistryOptions): Registry {
  const { dataDirectory, now = () => Date.now(), log } = options;
  makeDirectory(dataDirectory);
  const lock = tryLock(join(dataDirectory, "registry.lock"));
  if (lock === undefined) throw registryError("registry-server/locked", `another cpm-registry uses ${dataDirectory}`);
  const parts = openParts(options, now, lock);
  let count = 0;
  return {
    async fetch(request) {
      const requestId = `${now().toString(36)}-${(count++).toString(36)}`;
      const startedAt = performance.now();
      const { response, error } = await answer(parts, request, requestId);
      if (log !== undefined) {
        const path = new URL(request.url).pathname;
        // Only what is our failure: what a client does wrong was told to the client.
        const unexpected = error !== undefined && response.status >= 500 ? { error: describe(error) } : {};
        log({
          requestId,
          method: request.method,
          path,
          status: response.status,
          durationMs: Math.round(performance.now() - startedAt),
          ...unexpected,
        });
      }
      return response;
    },
    close() {
      parts.metadata.close();
      lock.release();
    },
  };
}

function openParts(options: RegistryOptions, now: () => number, lock: ProcessLock): RegistryParts {
  const { dataDirectory, maxBlobBytes = defaultMaxBlobBytes } = options;
  try {
    const blobs = new BlobDirectory(dataDirectory);
    const metadata = openSqliteMetadata(join(dataDirectory, "registry.db"), now);
    return { metadata, blobs, uploads: new Uploads(dataDirectory, blobs, maxBlobBytes) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function answer(
  parts: RegistryParts,
  request: Request,
  requestId: string,
): Promise<{ response: Response; error?: unknown }> {
  try {
    return { response: await route(parts, request) };
  } catch (error) {
    return { response: errorResponse(error, requestId), error };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${isCpmError(error) ? `[${error.code}] ` : ""}${error.stack ?? error.message}`;
}

async function route(parts: RegistryParts, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/livez" || pathname === "/readyz") return new Response("ok\n");
  const target = parseOciPath(pathname);
  if (target !== undefined) return oci(parts, target, request, searchParams);
  const packages = request.method === "GET" ? handlePackages(parts, pathname, searchParams, request) : undefined;
  if (packages !== undefined) return packages;
  throw registryError("registry-server/name-unknown", `there is nothing at ${pathname}`);
}

async function oci(
  parts: RegistryParts,
  target: OciRoute,
  request: Request,
  query: URLSearchParams,
): Promise<Response> {
  const { method } = request;
  const reading = method === "GET" || method === "HEAD";
  switch (target.kind) {
    case "base":
      if (reading) return noContent(200, { "docker-distribution-api-version": "registry/2.0" });
      break;
    case "blob":
      if (reading) return getBlob(parts, target.repository, target.digest, request);
      if (method === "DELETE") return deleteBlob(parts, target.repository, target.digest);
      break;
    case "uploads":
      if (method === "POST") return startUpload(parts, target.repository, request, query);
      break;
    case "upload":
      if (method === "PATCH") return patchUpload(parts, target.repository, target.id, request);
      if (method === "PUT") return putUpload(parts, target.repository, target.id, request, query);
      if (method === "GET") return uploadStatus(parts, target.repository, target.id);
      if (method === "DELETE") return cancelUpload(parts, target.repository, target.id);
      break;
    case "manifest":
      if (reading) return getManifest(parts, target.repository, target.reference, request);
      if (method === "PUT") return putManifest(parts, target.repository, target.reference, request, query);
      if (method === "DELETE") return deleteManifest(parts, target.repository, target.reference);
      break;
    case "tags":
      if (reading) return listTags(parts, target.repository, query);
      break;
    case "referrers":
      if (reading) return listReferrers(parts, target.repository, target.digest, query);
      break;
  }
  throw registryError("registry-server/unsupported", `${method} is not supported here`);
}
