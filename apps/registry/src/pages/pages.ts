import type { Caller } from "../access/authenticator.ts";
import { packageUnknown } from "../errors.ts";
import { decodePathPart, packageNameOf } from "../http/router.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { findAsset } from "./assets/assets.ts";
import type { Html } from "./html.ts";
import { namespace } from "./namespace/controller.ts";
import { packageController } from "./package/controller.ts";
import { assetResponse, pageResponse } from "./page-response.ts";
import type { PageRequest } from "./page-request.ts";
import { search } from "./search/controller.ts";

/** The site for people: of what the caller may pull. Undefined when the path is none of its own. */
export async function handlePages(
  parts: RegistryParts,
  caller: Caller,
  request: Request,
  host: string,
): Promise<Response | undefined> {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const { pathname, search: fields, searchParams: query } = new URL(request.url);
  const asset = findAsset(pathname);
  if (asset !== undefined) return assetResponse(asset, request);
  const { principal } = caller;
  const visitor = {
    host,
    path: pathname + fields,
    name: principal.kind === "user" ? principal.user.name : undefined,
    maySignIn: principal.kind === "anonymous",
  };
  const page = await route({ parts, caller, visitor, query }, pathname);
  return page === undefined ? undefined : pageResponse(page, request);
}

async function route(request: PageRequest, pathname: string): Promise<Html | undefined> {
  if (pathname === "/") return search(request);
  const [, kind, first = "", second = "", third, more] = pathname.split("/").map(decodePathPart);
  if (more !== undefined) return undefined;
  if (kind === "namespaces" && second === "" && third === undefined && first !== "") return namespace(request, first);
  if (kind !== "packages" || first === "" || second === "" || third === "") return undefined;
  const name = packageNameOf(first, second);
  if (name === undefined) throw packageUnknown(`${first}/${second}`);
  return packageController(request, name, third);
}
