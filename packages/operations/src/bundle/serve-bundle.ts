import { digestHex, encodeUtf8, isCpmError, isDigest, parseDigest, toErrorRecord } from "@cpm/base";
import type { ByteSource, JsonValue } from "@cpm/base";
import { stringifyJson } from "@cpm/base";
import { isPackageName } from "@cpm/model";
import type { Descriptor, OciErrorCode, StoreReader } from "@cpm/oci";
import {
  defaultManifestLimits,
  formatManifest,
  httpStatusOfKind,
  isTag,
  mediaTypes,
  parseManifestBytes,
  parseOciPath,
  parseRangeRequest,
  referrersIndex,
} from "@cpm/oci";
import { digestOf, readManifestBytes } from "@cpm/store";
import { chooseRegistry } from "./bundle-access.ts";
import type { BundleSet } from "./bundle-set.ts";

/** A bundle as a registry, from request to answer. */
export type BundleHandler = (request: Request) => Promise<Response>;

/**
 * Shows the packages of one registry, out of bundles, as that registry would: manifests, blobs with ranges, tags,
 * referrers (distribution-spec v1.1), and the index that cpm resolves by. Nothing can be written; there are no users.
 */
export function createBundleHandler(set: BundleSet, registry?: string): BundleHandler {
  const shown = new ShownBundle(set, chooseRegistry(set, registry));
  return async (request) => {
    try {
      if (request.method !== "GET" && request.method !== "HEAD")
        return refusal("UNSUPPORTED", 405, "a bundle is only read");
      return await shown.answer(request);
    } catch (error) {
      return failure(error);
    }
  };
}

export interface BundleServer {
  /** `host:port`. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Listens on this machine only. Port 0 is any that is free. */
export function serveBundles(handler: BundleHandler, port: number): BundleServer {
  const server = Bun.serve({ hostname: "127.0.0.1", port, idleTimeout: 60, fetch: handler });
  return { host: `127.0.0.1:${server.port}`, stop: async () => server.stop(true) };
}

class ShownBundle {
  readonly #set: BundleSet;
  readonly #registry: string;

  constructor(set: BundleSet, registry: string | undefined) {
    this.#set = set;
    this.#registry = registry ?? "";
  }

  async answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const listed = /^\/api\/v1\/packages\/([^/]+\/[^/]+)\/resolution$/.exec(pathname);
    if (listed !== null) return this.#listing(listed[1] ?? "", request);
    const route = parseOciPath(pathname);
    switch (route?.kind) {
      case "base":
        return json(request, {}, { "docker-distribution-api-version": "registry/2.0" });
      case "catalog":
        return json(request, { repositories: this.#names() });
      case "tags":
        return this.#tags(route.repository, searchParams, request);
      case "manifest":
        return this.#manifest(route.repository, route.reference, request);
      case "blob":
        return this.#blob(route.repository, route.digest, request);
      case "referrers":
        return this.#referrers(route.repository, route.digest, searchParams, request);
      default:
        return refusal("NAME_UNKNOWN", 404, `there is nothing at ${pathname}`);
    }
  }

  /** Undefined for a package that is not in the bundles. */
  #repository(name: string): StoreReader | undefined {
    return this.#names().includes(name) && isPackageName(name) ? this.#set.repository(this.#registry, name) : undefined;
  }

  #names(): readonly string[] {
    const own = this.#set.packages.filter((entry) => entry.registry === this.#registry);
    return [...new Set(own.map((entry) => entry.name as string))].sort();
  }

  async #tags(name: string, query: URLSearchParams, request: Request): Promise<Response> {
    const tags = await this.#repository(name)?.tags();
    if (tags === undefined) return unknownName(name);
    const last = query.get("last") ?? "";
    // Bundles are small: all that follow `last` are one page, unless none is wanted.
    const shown = query.get("n") === "0" ? [] : tags.filter((tag) => tag > last);
    return json(request, { name, tags: shown });
  }

  async #manifest(name: string, reference: string, request: Request): Promise<Response> {
    const source = this.#repository(name);
    if (source === undefined) return unknownName(name);
    const found = isDigest(reference)
      ? await describe(source, reference)
      : isTag(reference)
        ? await source.resolve(reference)
        : undefined;
    if (found === undefined)
      return refusal("MANIFEST_UNKNOWN", 404, `${name} has no manifest ${reference.slice(0, 200)}`);
    const headers = {
      "content-type": found.mediaType,
      "docker-content-digest": found.digest,
      "content-length": String(found.sizeBytes),
      etag: `"${found.digest}"`,
    };
    if (request.method === "HEAD") return new Response(null, { headers });
    return new Response(new Uint8Array(await readManifestBytes(source, found)), { headers });
  }

  async #blob(name: string, text: string, request: Request): Promise<Response> {
    const source = this.#repository(name);
    const digest = parseDigest(text);
    const found = await source?.stat(digest);
    if (source === undefined || found === undefined)
      return refusal("BLOB_UNKNOWN", 404, `${name} has no blob ${digest}`);
    const { sizeBytes } = found;
    const content = { mediaType: mediaTypes.octetStream, digest, sizeBytes };
    const headers = {
      "content-type": mediaTypes.octetStream,
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
      etag: `"${digest}"`,
    };
    const whole = { ...headers, "content-length": String(sizeBytes) };
    if (request.method === "HEAD") return new Response(null, { headers: whole });
    const condition = request.headers.get("if-range");
    const asked = condition === null || condition === headers.etag ? request.headers.get("range") : null;
    const range = asked === null ? undefined : parseRangeRequest(asked, sizeBytes);
    if (range === "unsatisfiable")
      return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${sizeBytes}` } });
    if (range === undefined) return new Response(streamOf(source.read(content)), { headers: whole });
    const lengthBytes = range.end - range.start + 1;
    return new Response(streamOf(source.read(content, { offsetBytes: range.start, lengthBytes })), {
      status: 206,
      headers: {
        ...headers,
        "content-length": String(lengthBytes),
        "content-range": `bytes ${range.start}-${range.end}/${sizeBytes}`,
      },
    });
  }

  /** An index, also of nothing for what is not here. */
  async #referrers(name: string, text: string, query: URLSearchParams, request: Request): Promise<Response> {
    const type = query.get("artifactType");
    const found = (await this.#repository(name)?.referrers(parseDigest(text), type ?? undefined)) ?? [];
    const body = formatManifest(referrersIndex(found));
    const headers = {
      "content-type": mediaTypes.index,
      "content-length": String(body.length),
      ...(type === null ? {} : { "oci-filters-applied": "artifactType" }),
    };
    return new Response(request.method === "HEAD" ? null : body, { headers });
  }

  /** What cpm-registry answers at the same place. */
  #listing(name: string, request: Request): Response {
    const documents = this.#set.bundles
      .map(({ listings }) => listings.get(`${this.#registry}/${name}`))
      .filter((entry) => entry !== undefined);
    const [document] = documents;
    if (document === undefined) return unknownName(name);
    const versions = documents.flatMap((entry) => (Array.isArray(entry["versions"]) ? entry["versions"] : []));
    const once = new Map(versions.map((entry: JsonValue) => [stringifyJson(entry), entry]));
    const body = { ...document, versions: [...once.values()] };
    const etag = `"${digestHex(digestOf(encodeUtf8(stringifyJson(body)))).slice(0, 32)}"`;
    if (request.headers.get("if-none-match")?.includes(etag) === true)
      return new Response(null, { status: 304, headers: { etag } });
    return json(request, body, { etag });
  }
}

/** Undefined for what is no manifest. */
async function describe(source: StoreReader, digest: Descriptor["digest"]): Promise<Descriptor | undefined> {
  const found = await source.stat(digest);
  if (found === undefined || found.sizeBytes > defaultManifestLimits.maxBytes) return undefined;
  const any = { mediaType: mediaTypes.manifest, digest, sizeBytes: found.sizeBytes };
  const bytes = await readManifestBytes(source, any);
  try {
    return { ...any, mediaType: parseManifestBytes(bytes).mediaType };
  } catch (error) {
    if (isCpmError(error, "oci/invalid-manifest")) return undefined;
    throw error;
  }
}

/** A content that turns out to be damaged breaks the connection off before its last piece. */
function streamOf(source: ByteSource): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

function json(request: Request, body: JsonValue, headers: Readonly<Record<string, string>> = {}): Response {
  const bytes = encodeUtf8(stringifyJson(body));
  const all = { "content-type": "application/json", "content-length": String(bytes.length), ...headers };
  return new Response(request.method === "HEAD" ? null : bytes, { headers: all });
}

function unknownName(name: string): Response {
  return refusal("NAME_UNKNOWN", 404, `the bundle has no ${name.slice(0, 200)}`);
}

function refusal(code: OciErrorCode, status: number, message: string): Response {
  return Response.json({ errors: [{ code, message }] }, { status });
}

function failure(error: unknown): Response {
  const { kind, message, code } = toErrorRecord(error);
  const status = code === "digest/invalid" ? 400 : kind === "data_loss" ? 500 : httpStatusOfKind[kind];
  return refusal(code === "digest/invalid" ? "DIGEST_INVALID" : "NAME_INVALID", status, message);
}
