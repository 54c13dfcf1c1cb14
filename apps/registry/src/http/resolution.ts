import { encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { digestHex } from "@cpm/base";
import { resolverFacts } from "@cpm/model";
import { digestOf } from "@cpm/store";
import type { VersionRow } from "../metadata.ts";

/** All that a resolver needs of one package, in one answer: every version with its digest, its time and what it needs. */
export function resolutionResponse(name: string, versions: readonly VersionRow[], request: Request): Response {
  return taggedJson(stringifyJson({ name, versions: versions.map(formatVersion) }), request);
}

/**
 * JSON, with further headers. Its tag is of the content, so an answer that has not changed is not sent again (RFC 9110,
 * 13.1.2).
 */
export function taggedJson(text: string, request: Request, more: Readonly<Record<string, string>> = {}): Response {
  const body = encodeUtf8(text);
  const etag = `"${digestHex(digestOf(body)).slice(0, 32)}"`;
  const headers = { ...more, etag, "cache-control": "no-cache" };
  const known = request.headers.get("if-none-match")?.split(",") ?? [];
  if (known.some((entry) => entry.trim().replace(/^W\//, "") === etag))
    return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "content-type": "application/json" } });
}

function formatVersion({ version, digest, publishedAt, manifest, yanked, deprecated }: VersionRow): JsonObject {
  const document = parseJson(manifest);
  const facts = resolverFacts(isJsonObject(document) ? document : {});
  return {
    version,
    digest,
    publishedAt: new Date(publishedAt).toISOString(),
    ...facts,
    ...(yanked === undefined ? {} : { yanked: true, yankReason: yanked.reason }),
    // What is said of it afterwards comes before what its author wrote into it.
    ...(deprecated === undefined ? {} : { deprecated: { ...deprecated } }),
  };
}
