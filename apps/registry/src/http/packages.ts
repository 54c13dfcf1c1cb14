import { registryError } from "../errors.ts";
import type { VersionRow } from "../metadata.ts";
import type { RegistryParts } from "../registry.ts";
import { json } from "./answers.ts";
import { resolutionResponse } from "./resolution.ts";
import { packageNameOf } from "./router.ts";

const defaultLimit = 20;
const maxLimit = 100;

/** The package index under `/api/v1`. Undefined when the path is none of its own. */
export function handlePackages(
  parts: RegistryParts,
  pathname: string,
  query: URLSearchParams,
  request: Request,
): Response | undefined {
  if (pathname === "/api/v1/search") return search(parts, query);
  const match = /^\/api\/v1\/packages\/([^/]+)\/([^/]+)(\/resolution)?$/.exec(pathname);
  if (match === null) return undefined;
  const name = packageNameOf(match[1] ?? "", match[2] ?? "");
  const found = name === undefined ? undefined : parts.metadata.package(name);
  if (found === undefined)
    throw registryError("registry-server/package-unknown", `there is no package ${match[1]}/${match[2]}`);
  const { versions, updatedAt, ...fields } = found;
  if (match[3] !== undefined) return resolutionResponse(found.name, versions, request);
  return json(200, { ...fields, updatedAt: isoTime(updatedAt), versions: versions.map(formatVersionRow) });
}

function search(parts: RegistryParts, query: URLSearchParams): Response {
  const limit = Math.min(countOf(query, "limit", defaultLimit), maxLimit);
  const offset = countOf(query, "offset", 0);
  const { total, results } = parts.metadata.search(query.get("q") ?? "", limit, offset);
  return json(200, { total, results: results.map((row) => ({ ...row, updatedAt: isoTime(row.updatedAt) })) });
}

function formatVersionRow(row: VersionRow): Record<string, unknown> {
  const { manifest, publishedAt, ...fields } = row;
  return { ...fields, publishedAt: isoTime(publishedAt), manifest: JSON.parse(manifest) };
}

function countOf(query: URLSearchParams, key: string, otherwise: number): number {
  const text = query.get(key);
  if (text === null) return otherwise;
  if (!/^\d{1,9}$/.test(text))
    throw registryError("registry-server/bad-query", `${key} is "${text}", which is not a count`);
  return Number(text);
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
