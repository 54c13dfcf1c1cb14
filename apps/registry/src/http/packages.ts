import type { Caller } from "../access/authenticator.ts";
import { packageUnknown, unauthorized } from "../errors.ts";
import type { VersionRow, YankNotice } from "../metadata.ts";
import type { RegistryParts } from "../registry.ts";
import { json } from "./answers.ts";
import { listChanges } from "./changes.ts";
import { countOf } from "./count-of.ts";
import { ageHeaders, viaOf } from "./mirrored.ts";
import { resolutionResponse, taggedJson } from "./resolution.ts";
import { packageNameOf } from "./router.ts";
import { filterFields, parseSearchQuery, refuseUnknownParameters } from "./search-query.ts";

const defaultLimit = 20;
const maxLimit = 100;
/** No further into a list than this, which the database would have to walk. */
const maxOffset = 1_000_000;

/** The package index under `/api/v1`: of what the caller may pull. Undefined when the path is none of its own. */
export async function handlePackages(
  parts: RegistryParts,
  caller: Caller,
  pathname: string,
  query: URLSearchParams,
  request: Request,
): Promise<Response | undefined> {
  if (pathname === "/api/v1/search") return search(parts, caller, query);
  if (pathname === "/api/v1/changes") return listChanges(parts, caller, query, request.signal);
  const match = /^\/api\/v1\/packages\/([^/]+)\/([^/]+)(\/resolution)?$/.exec(pathname);
  if (match === null) return undefined;
  const name = packageNameOf(match[1] ?? "", match[2] ?? "");
  const shown = name !== undefined && (await parts.gate.rights(caller.principal, name)).has("pull");
  const mirror = shown ? await parts.mirrors?.of(name, viaOf(request)) : undefined;
  const mirrored = await mirror?.document(match[3] === undefined ? "detail" : "resolution");
  if (mirrored !== undefined) return taggedJson(mirrored.value, request, ageHeaders(mirror, mirrored));
  const found = shown && mirror === undefined ? await parts.metadata.package(name) : undefined;
  // Whoever shows nothing may be somebody who may see it.
  if (found === undefined && !caller.presented) throw unauthorized("this needs a token");
  if (found === undefined) throw packageUnknown(`${match[1]}/${match[2]}`);
  const { versions, updatedAt, ...fields } = found;
  if (match[3] !== undefined) return resolutionResponse(found.name, versions, request);
  return json(200, { ...fields, updatedAt: isoTime(updatedAt), versions: versions.map(formatVersionRow) });
}

async function search(parts: RegistryParts, caller: Caller, query: URLSearchParams): Promise<Response> {
  refuseUnknownParameters(query, ["q", ...filterFields.map(({ key }) => key), "limit", "offset"]);
  const limit = Math.min(countOf(query, "limit") ?? defaultLimit, maxLimit);
  const offset = Math.min(countOf(query, "offset") ?? 0, maxOffset);
  const visible = await parts.gate.visibility(caller);
  const { total, results } = await parts.metadata.search(parseSearchQuery(query), visible, limit, offset);
  return json(200, { total, results: results.map((row) => ({ ...row, updatedAt: isoTime(row.updatedAt) })) });
}

function formatVersionRow(row: VersionRow): Record<string, unknown> {
  const { manifest, publishedAt, yanked, ...fields } = row;
  return {
    ...fields,
    publishedAt: isoTime(publishedAt),
    ...(yanked === undefined ? {} : { yanked: formatYank(yanked) }),
    manifest: JSON.parse(manifest),
  };
}

export function formatYank({ reason, by, at }: YankNotice): Record<string, string> {
  return { reason, by, at: isoTime(at) };
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
