import { isCpmError } from "@cpm/base";
import type { Origin } from "../../access/authenticator.ts";
import type { RegistryParts } from "../../registry-parts.ts";
import { errorPage } from "../error/page.ts";
import { pageHeaders } from "../page-response.ts";

/**
 * Has the browser ask for name and password, and goes back to where one came from. It is the one path that offers
 * Basic: docker, which sees only `/v2/`, would take a registry that offers it there for one without tokens. It stands
 * at the root, so that a browser sends the same to every page (RFC 7617, 2.2).
 */
export async function signIn(parts: RegistryParts, request: Request, origin: Origin, host: string): Promise<Response> {
  const to = localPath(new URL(request.url).searchParams.get("to"));
  const header = request.headers.get("authorization");
  try {
    const { principal } = await parts.authenticator.identify(header, origin);
    if (principal.kind !== "anonymous")
      return new Response(null, { status: 303, headers: { location: to, "cache-control": "no-store" } });
  } catch (error) {
    if (!isCpmError(error, "registry-server/unauthorized")) throw error;
  }
  const visitor = { host, path: to, name: undefined, maySignIn: true };
  const text =
    header === null
      ? "Sign in with a name and a password, or a token in the password's place."
      : "The name or the password is wrong.";
  const page = errorPage({ visitor, status: 401, message: text });
  const challenge = `Basic realm="${host}", charset="UTF-8"`;
  const headers = { ...pageHeaders, "www-authenticate": challenge, "cache-control": "no-store" };
  return new Response(request.method === "HEAD" ? null : page.toString(), { status: 401, headers });
}

/** Only a path of this site: `//host` and `/\host` lead to others. */
export function localPath(text: string | null): string {
  if (text === null || !/^\/[^/\\]/.test(text) || text.length > 2000) return "/";
  const { origin, pathname, search } = new URL(text, "http://site.invalid");
  if (origin !== "http://site.invalid" || pathname.startsWith("//") || pathname === "/signin") return "/";
  return pathname + search;
}
