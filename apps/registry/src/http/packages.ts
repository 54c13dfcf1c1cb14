import { packageUnknown, unauthorized } from "../errors.ts";
import type { PackageDetail, VersionRow, YankNotice } from "../metadata.ts";
import type { Call } from "./account-call.ts";
import { json } from "./answers.ts";
import { countOf } from "./count-of.ts";
import { ageHeaders, viaOf } from "./mirrored.ts";
import { resolutionResponse, taggedJson } from "./resolution.ts";
import { packageNameOf } from "./router.ts";
import { parseSearchQuery } from "./search-query.ts";

const defaultLimit = 20;
const maxLimit = 100;
/** No further into a list than this, which the database would have to walk. */
const maxOffset = 1_000_000;

/** Packages that the caller may pull. */
export async function search({ parts, caller, query }: Call): Promise<Response> {
  const limit = Math.min(countOf(query, "limit") ?? defaultLimit, maxLimit);
  const offset = Math.min(countOf(query, "offset") ?? 0, maxOffset);
  const visible = await parts.gate.visibility(caller);
  const { total, results } = await parts.metadata.search(parseSearchQuery(query), visible, limit, offset);
  return json(200, { total, results: results.map((row) => ({ ...row, updatedAt: isoTime(row.updatedAt) })) });
}

export function showPackage(call: Call): Promise<Response> {
  return answerPackage(call, "detail", ({ versions, updatedAt, ...fields }) => {
    const shown = { ...fields, updatedAt: isoTime(updatedAt), versions: versions.map(formatVersionRow) };
    return taggedJson(JSON.stringify(shown), call.request);
  });
}

export function packageResolution(call: Call): Promise<Response> {
  return answerPackage(call, "resolution", ({ name, versions }) => resolutionResponse(name, versions, call.request));
}

/** Of what the caller may pull, also where it is another registry's. */
async function answerPackage(
  { parts, caller, request, names: [namespace = "", ownName = ""] }: Call,
  document: "detail" | "resolution",
  format: (found: PackageDetail) => Response,
): Promise<Response> {
  const name = packageNameOf(namespace, ownName);
  const shown = name !== undefined && (await parts.gate.rights(caller.principal, name)).has("pull");
  const mirror = shown ? await parts.mirrors?.of(name, viaOf(request)) : undefined;
  const mirrored = await mirror?.document(document);
  if (mirrored !== undefined) return taggedJson(mirrored.value, request, ageHeaders(mirror, mirrored));
  const found = shown && mirror === undefined ? await parts.metadata.package(name) : undefined;
  // Whoever shows nothing may be somebody who may see it.
  if (found === undefined && !caller.presented) throw unauthorized("this needs a token");
  if (found === undefined) throw packageUnknown(`${namespace}/${ownName}`);
  return format(found);
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
