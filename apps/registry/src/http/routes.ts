import type { Caller, Origin } from "../access/authenticator.ts";
import { personOf } from "../access/principal.ts";
import type { Action } from "../access/rights.ts";
import { denied, rateLimited, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import type { SignInCall } from "./account-call.ts";
import { hostOf, json, noContent } from "./answers.ts";
import type { PlainAnswer, TokenService } from "./answers.ts";
import { cancelUpload, deleteBlob, getBlob, patchUpload, putUpload, startUpload, uploadStatus } from "./blobs.ts";
import { handlePages } from "../pages/pages.ts";
import { signIn } from "../pages/signin/controller.ts";
import { findApiTarget, readApiBody, refuseUnknownParameters } from "./api/router.ts";
import type { ApiTarget } from "./api/router.ts";
import { apiRoutes, signInRoutes } from "./api/routes.ts";
import { discoverExtensions } from "./extensions.ts";
import { deleteManifest, getManifest, listReferrers, listRepositories, listTags, putManifest } from "./manifests.ts";
import { handleMirrored, refuseMirrored } from "./mirrored.ts";
import type { RequestTarget } from "./request-target.ts";
import type { OciRoute } from "@cpm/oci";
import { handleToken } from "./token.ts";

/** From a request to its answer: who asks, whether they may, and the handler. Errors are thrown. */
export async function handleRequest(
  parts: RegistryParts,
  request: Request,
  target: RequestTarget,
  origin: Origin,
  tokens: TokenService,
): Promise<Response | PlainAnswer> {
  const { url, pathname } = target;
  if (pathname === "/livez") return json(200, { status: "ok" });
  if (pathname === "/readyz") return readiness(parts);
  refuseFromOtherSites(request);
  if (pathname === "/signin" && isReading(request)) return signIn(parts, request, origin, hostOf(tokens));
  if (pathname === "/token") return handleToken(parts, request, origin, tokens);
  const api = findApiTarget(request.method, pathname);
  if (api?.kind === "sign in") return signInRoutes[api.route](apiCall(parts, api, request, url, origin, tokens));
  if (target.fault !== undefined) throw target.fault;
  const caller = await parts.authenticator.identify(request.headers.get("authorization"), origin);
  if (pathname === "/metrics") return metrics(parts, caller);
  if (target.oci !== undefined) return oci(parts, caller, target.oci, request, url);
  if (!isReading(request)) await refuseMirrored(parts, caller, pathname);
  if (api?.kind === "call") {
    refuseUnknownParameters(api.route, url.searchParams);
    return apiRoutes[api.route]({ ...apiCall(parts, api, request, url, origin, tokens), caller });
  }
  const page = await handlePages(parts, caller, request, hostOf(tokens));
  if (page !== undefined) return page;
  throw registryError("registry-server/name-unknown", `there is nothing at ${pathname}`);
}

function apiCall(
  parts: RegistryParts,
  { route, names }: ApiTarget,
  request: Request,
  { searchParams: query }: URL,
  origin: Origin,
  tokens: TokenService,
): SignInCall {
  return { parts, request, query, origin, tokens, names, body: () => readApiBody(route, request) };
}

export function isReading({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * A browser that is signed in sends the name and password along with what other sites have it ask. The pages change
 * nothing, so whatever would change something and comes from a page, of any site, is refused.
 */
function refuseFromOtherSites(request: Request): void {
  if (isReading(request)) return;
  const site = request.headers.get("sec-fetch-site") ?? "none";
  if (site !== "none" || request.headers.has("origin"))
    throw denied("a page in a browser may not change anything here");
}

async function readiness(parts: RegistryParts): Promise<Response> {
  const { ready, checks } = await parts.readiness();
  return json(ready ? 200 : 503, { status: ready ? "ok" : "unavailable", checks });
}

async function metrics(parts: RegistryParts, { principal }: Caller): Promise<Response> {
  if (principal.kind === "anonymous" && !parts.openMetrics)
    throw unauthorized("metrics are for users and their tokens");
  const openUploads = await parts.metadata.allOpenUploads();
  const others = (await Promise.all(parts.metricSources.map((source) => source.families()))).flat();
  const text = parts.metrics.format({ openUploads, residentBytes: process.memoryUsage.rss() }, others);
  return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
}

async function oci(
  parts: RegistryParts,
  caller: Caller,
  target: OciRoute,
  request: Request,
  url: URL,
): Promise<Response | PlainAnswer> {
  const { method } = request;
  const reading = isReading(request);
  if ("repository" in target) await authorize(parts, caller, target, method, url);
  // Also where everything is public: a client that is not asked here takes the registry for one without logins.
  else if (!caller.presented)
    throw unauthorized("this needs a token", target.kind === "catalog" ? "registry:catalog:*" : undefined);
  const mayBeMirrored = parts.mirrors !== undefined && "repository" in target;
  const mirrored = mayBeMirrored ? await handleMirrored(parts, target, request, url) : undefined;
  if (mirrored !== undefined) return mirrored;
  switch (target.kind) {
    case "base":
      if (reading) return noContent(200, { "docker-distribution-api-version": "registry/2.0" });
      break;
    case "catalog":
      if (reading) return listRepositories(parts, caller, url.searchParams);
      break;
    case "extensions":
      if (reading) return discoverExtensions();
      break;
    case "blob":
      if (reading) return getBlob(parts, target.repository, target.digest, request);
      if (method === "DELETE") return deleteBlob(parts, target.repository, target.digest, caller);
      break;
    case "uploads":
      if (method === "POST") return startUpload(parts, target.repository, request, url.searchParams, caller);
      break;
    case "upload":
      if (method === "PATCH") return patchUpload(parts, target.repository, target.id, request, caller);
      if (method === "PUT") return putUpload(parts, target.repository, target.id, request, url.searchParams, caller);
      if (method === "GET") return uploadStatus(parts, target.repository, target.id, caller);
      if (method === "DELETE") return cancelUpload(parts, target.repository, target.id, caller);
      break;
    case "manifest":
      if (reading) return getManifest(parts, target.repository, target.reference, request);
      if (method === "PUT")
        return putManifest(parts, target.repository, target.reference, request, url.searchParams, caller);
      if (method === "DELETE") return deleteManifest(parts, target.repository, target.reference, caller);
      break;
    case "tags":
      if (reading) return listTags(parts, target.repository, url.searchParams);
      break;
    case "referrers":
      if (reading) return listReferrers(parts, target.repository, target.digest, url.searchParams);
      break;
  }
  throw registryError("registry-server/unsupported", `${method} is not supported here`);
}

/** Throws unless the caller may do this; and when they publish faster than allowed. */
async function authorize(
  parts: RegistryParts,
  caller: Caller,
  target: OciRoute & { readonly repository: string },
  method: string,
  url: URL,
): Promise<void> {
  const { repository } = target;
  const action = actionOf(target, method);
  await parts.gate.require(caller, action, repository, scopeOf(action, repository, url));
  if (target.kind !== "manifest" || method !== "PUT") return;
  const waitS = parts.rates.publishes.take(personOf(caller.principal));
  if (waitS > 0) throw rateLimited("too many manifests pushed", waitS);
}

function actionOf(target: OciRoute, method: string): Action {
  if (target.kind === "upload" || target.kind === "uploads") return "push";
  if (method === "DELETE") return "delete";
  return method === "GET" || method === "HEAD" ? "pull" : "push";
}

/** What to ask a token for; of a mount, the reading of its source too. */
function scopeOf(action: Action, repository: string, url: URL): string {
  if (action !== "push") return `repository:${repository}:${action}`;
  const scope = `repository:${repository}:pull,push`;
  const from = url.searchParams.get("from");
  return from !== null && /^[a-z0-9._/-]{1,255}$/.test(from) ? `${scope} repository:${from}:pull` : scope;
}
