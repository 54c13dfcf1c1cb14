import { parseRepositoryName } from "./names.ts";

/** What a path under `/v2/` asks for (distribution-spec v1.1, "Endpoints"). */
export type OciRoute =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "extensions" }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string };

const prefix = "/v2/";

/**
 * Reads a path. A repository's name may itself hold a word such as `blobs`: the rightmost keyword counts. Undefined
 * when it is no endpoint; throws `oci/invalid-repository` when the endpoint is clear and the name is none.
 */
export function parseOciPath(pathname: string): OciRoute | undefined {
  if (pathname === prefix || pathname === "/v2") return { kind: "base" };
  if (!pathname.startsWith(prefix)) return undefined;
  const path = pathname.slice(prefix.length);
  // No repository's name begins with an underscore.
  if (path === "_catalog") return { kind: "catalog" };
  if (path === "_oci/ext/discover") return { kind: "extensions" };
  const upload = /^(.+)\/blobs\/uploads(?:\/([^/]*))?$/.exec(path);
  if (upload !== null) {
    const [, name = "", id = ""] = upload;
    const repository = parseRepositoryName(name);
    return id === "" ? { kind: "uploads", repository } : { kind: "upload", repository, id };
  }
  const tags = /^(.+)\/tags\/list$/.exec(path);
  if (tags !== null) return { kind: "tags", repository: parseRepositoryName(tags[1] ?? "") };
  const item = /^(.+)\/(blobs|manifests|referrers)\/([^/]+)$/.exec(path);
  if (item === null) return undefined;
  const [, name = "", keyword, value = ""] = item;
  const repository = parseRepositoryName(name);
  const decoded = decodePart(value);
  if (keyword === "blobs") return { kind: "blob", repository, digest: decoded };
  if (keyword === "referrers") return { kind: "referrers", repository, digest: decoded };
  return { kind: "manifest", repository, reference: decoded };
}

/** Clients send `sha256%3A…`. What does not decode stays as it is and is then no digest and no tag. */
function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
