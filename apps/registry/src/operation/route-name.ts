import type { RequestTarget } from "../http/request-target.ts";

const fixed: ReadonlyMap<string, string> = new Map([
  ["/livez", "health"],
  ["/readyz", "health"],
  ["/metrics", "metrics"],
  ["/token", "token"],
  ["/api/v1/search", "search"],
  ["/api/v1/changes", "changes"],
  ["/", "page"],
  ["/signin", "page"],
]);

/** The name of what is asked for, of a bounded set, for metrics and logs. A path that names nothing right is `other`. */
export function routeName({ pathname, oci }: RequestTarget): string {
  if (oci !== undefined) return oci.kind;
  const name = fixed.get(pathname);
  if (name !== undefined) return name;
  if (/^\/(packages|namespaces)\//.test(pathname)) return "page";
  if (pathname.startsWith("/assets/")) return "asset";
  if (pathname.startsWith("/api/v1/packages/")) return "package";
  if (pathname.startsWith("/api/v1/")) return "account";
  return "other";
}
