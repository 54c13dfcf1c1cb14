import { createHash } from "node:crypto";
import { encodeUtf8 } from "@cpm/base";
import type { Asset } from "./assets/assets.ts";
import type { Html } from "./html.ts";

/** Nothing from other hosts, no script but the one of the site, no frames around it, no forms that lead elsewhere. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

export const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

/**
 * A page with the tag of its content. It is asked for again each time, since what a person may see can change, and is
 * kept by no cache that others use, since it was made for one person.
 */
export function pageResponse(page: Html, request: Request): Response {
  const bytes = encodeUtf8(page.toString());
  const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
  const headers = { ...pageHeaders, etag, "cache-control": "private, no-cache", vary: "authorization, accept" };
  return conditional(request, etag, headers, bytes);
}

export function assetResponse({ etag, contentType, bytes }: Asset, request: Request): Response {
  const headers = {
    etag,
    "content-type": contentType,
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
  };
  return conditional(request, etag, headers, bytes);
}

/** RFC 9110, 13.1.2: weak comparison, and `*` for whatever there is. */
function conditional(
  request: Request,
  etag: string,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array<ArrayBuffer>,
): Response {
  const known = request.headers.get("if-none-match")?.split(",") ?? [];
  const matches = known.some((entry) => ["*", etag].includes(entry.trim().replace(/^W\//, "")));
  if (matches) return new Response(null, { status: 304, headers });
  const body = request.method === "HEAD" ? null : bytes;
  return new Response(body, { headers: { ...headers, "content-length": String(bytes.length) } });
}
