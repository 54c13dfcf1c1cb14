import { collectBytes, isDigest, isJsonObject } from "@cpm/base";
import type { CancelSignal, Digest, JsonObject, JsonValue } from "@cpm/base";
import { compareVersions, tagToVersion, versionToTag } from "@cpm/model";
import { annotationKeys, parseManifestBytes } from "@cpm/oci";
import type { CallOptions, Descriptor } from "@cpm/oci";
import { protocolError, registryError } from "./errors.ts";
import { indexDocument, packagePath } from "./index-document.ts";
import type { Repository } from "./repository.ts";
import type { Transport } from "./transport.ts";

export interface SearchOptions extends CallOptions {
  /** Results of one page. Default: the registry's. */
  readonly limit?: number;
  /** Results to leave out at the beginning. Default 0. */
  readonly offset?: number;
  /** What a package must have, all of it. Default: nothing in particular. */
  readonly filters?: SearchFilters;
}

export interface SearchFilters {
  readonly keyword?: readonly string[];
  /** Namespaces, or users who own the namespace. */
  readonly owner?: readonly string[];
  /** Executor types that the package requires. */
  readonly executor?: readonly string[];
  /** `os/architecture` that it can be placed on. */
  readonly platform?: readonly string[];
}

export interface SearchPage {
  readonly total: number;
  readonly results: readonly SearchResult[];
}

export interface SearchResult {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  /** RFC 3339. */
  readonly updatedAt: string;
  /** Undefined where the registry does not count. */
  readonly downloads?: Downloads;
}

export interface Downloads {
  readonly total: number;
  readonly last90Days: number;
}

export interface PackageInfo {
  readonly name: string;
  readonly versions: readonly PackageVersion[];
  readonly readme?: string;
}

export interface PackageVersion {
  readonly version: string;
  readonly digest: Digest;
  /** RFC 3339; unknown on a plain OCI registry. */
  readonly publishedAt?: string;
  readonly description?: string;
}

export async function searchPackages(
  transport: Transport,
  query: string,
  options: SearchOptions = {},
): Promise<SearchPage> {
  const parameters = new URLSearchParams({ q: query });
  if (options.limit !== undefined) parameters.set("limit", String(options.limit));
  if (options.offset !== undefined) parameters.set("offset", String(options.offset));
  for (const [key, values] of Object.entries(options.filters ?? {}))
    for (const value of values as readonly string[]) parameters.append(key, value);
  const body = await getJson(transport, `/api/v1/search?${parameters}`, "search", options.signal);
  if (body === undefined) {
    throw registryError("registry/no-index", `${transport.origin.host} has no package index to search`);
  }
  const { total, results } = body;
  if (typeof total !== "number" || !Array.isArray(results)) throw protocolError("the search answer is not a list");
  return { total, results: results.map(parseResult) };
}

export async function packageInfo(
  transport: Transport,
  repository: Repository,
  name: string,
  options: CallOptions = {},
): Promise<PackageInfo> {
  const body = await getJson(transport, packagePath(name, "detail"), `look up ${name}`, options.signal);
  if (body === undefined) return infoFromTags(transport, repository, name, options);
  const { versions, readme } = body;
  if (!Array.isArray(versions)) throw protocolError(`the answer about ${name} has no versions`);
  return { name, versions: versions.map(parseVersion), ...(typeof readme === "string" ? { readme } : {}) };
}

/** What the tags tell, and of the newest version its manifest, for a registry that has no index. */
async function infoFromTags(
  transport: Transport,
  repository: Repository,
  name: string,
  options: CallOptions,
): Promise<PackageInfo> {
  const tags = await repository.tags(options);
  const numbers = tags.flatMap((tag) => tagToVersion(tag) ?? []).sort((left, right) => compareVersions(right, left));
  const versions: PackageVersion[] = [];
  for (const version of numbers) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other spares the registry
    const descriptor = await repository.resolve(versionToTag(version), options);
    if (descriptor === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop
    const description = versions.length === 0 ? await descriptionOf(repository, descriptor, options) : undefined;
    const fields = description === undefined ? {} : { description };
    versions.push({ version: version.text, digest: descriptor.digest, ...fields });
  }
  if (versions.length === 0)
    throw registryError("registry/not-found", `${transport.origin.host} has no package ${name}`);
  return { name, versions };
}

async function descriptionOf(
  repository: Repository,
  descriptor: Descriptor,
  options: CallOptions,
): Promise<string | undefined> {
  const bytes = await collectBytes(repository.read(descriptor, options), descriptor.sizeBytes);
  return parseManifestBytes(bytes, descriptor.mediaType).annotations?.[annotationKeys.description];
}

/** The object that the index answers; undefined when the registry has no such page. */
async function getJson(
  transport: Transport,
  target: string,
  doing: string,
  signal: CancelSignal | undefined,
): Promise<JsonObject | undefined> {
  const found = await indexDocument(transport, target, doing, { signal });
  return found === "unchanged" ? undefined : found?.document;
}

function parseResult(value: JsonValue): SearchResult {
  if (!isJsonObject(value) || typeof value["name"] !== "string") throw protocolError("a search result has no name");
  const { name, keywords } = value;
  const downloads = downloadsOf(value["downloads"]);
  const words = Array.isArray(keywords) ? keywords.filter((word: JsonValue) => typeof word === "string") : [];
  return {
    name,
    version: textOf(value["version"]) ?? "",
    description: textOf(value["description"]) ?? "",
    keywords: words,
    updatedAt: textOf(value["updatedAt"]) ?? "",
    ...(downloads === undefined ? {} : { downloads }),
  };
}

function downloadsOf(value: JsonValue | undefined): Downloads | undefined {
  const { total, last90Days } = value !== undefined && isJsonObject(value) ? value : {};
  return typeof total === "number" && typeof last90Days === "number" ? { total, last90Days } : undefined;
}

function parseVersion(value: JsonValue): PackageVersion {
  const { version, digest, publishedAt, manifest } = isJsonObject(value) ? value : {};
  if (typeof version !== "string" || typeof digest !== "string" || !isDigest(digest)) {
    throw protocolError("a version of a package has no number or no digest");
  }
  const description = manifest !== undefined && isJsonObject(manifest) ? manifest["description"] : undefined;
  return {
    version,
    digest,
    ...(typeof publishedAt === "string" ? { publishedAt } : {}),
    ...(typeof description === "string" ? { description } : {}),
  };
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
