import { parseOciPath } from "../http/router.ts";

const fixed: Readonly<Record<string, string>> = {
  "/livez": "health",
  "/readyz": "health",
  "/metrics": "metrics",
  "/token": "token",
  "/api/v1/search": "search",
};

/** The name of what a path asks for, of a bounded set, for metrics and logs. */
export function routeName(pathname: string): string {
  const name = Object.hasOwn(fixed, pathname) ? fixed[pathname] : undefined;
  if (name !== undefined) return name;
  if (pathname === "/" || pathname === "/signin" || /^\/(packages|namespaces)\//.test(pathname)) return "page";
  if (pathname.startsWith("/assets/")) return "asset";
  if (pathname.startsWith("/api/v1/packages/")) return "package";
  if (pathname.startsWith("/api/v1/")) return "account";
  try {
    return parseOciPath(pathname)?.kind ?? "other";
  } catch {
    return "other"; // A name that is none: the request itself is answered with the reason.
  }
}
