import { isDigest, isJsonObject, printable } from "@cpm/base";
import type { CancelSignal, Digest, JsonObject, JsonValue } from "@cpm/base";
import { formatManifest, isPackageName, maxNoticeLength, resolverFacts, readRange, readVersion } from "@cpm/model";
import type { Range, Version } from "@cpm/model";
import type { CallOptions } from "@cpm/oci";
import { protocolError } from "./errors.ts";
import { indexDocument, packagePath } from "./index-document.ts";
import { readVersions } from "./read-versions.ts";
import type { ContentReader, ReadVersion } from "./read-versions.ts";
import type { Transport } from "./transport.ts";

/** What a resolver needs of one package. */
export interface VersionListing {
  /** To be shown when asking again; absent on a plain OCI registry. */
  readonly etag?: string;
  /** In any order. */
  readonly versions: readonly ListedVersion[];
  /** The same as the registry told it, for a cache: `readVersionListing` reads it. */
  readonly document: JsonObject;
}

export interface ListedVersion {
  readonly version: Version;
  readonly digest: Digest;
  /** Milliseconds since the Unix epoch; unknown on a plain OCI registry. */
  readonly publishedAtMs?: number;
  readonly yanked: boolean;
  /** Why, in the words of who yanked it. */
  readonly yankReason?: string;
  /** That it is not to be used any more, and what to use in its place. */
  readonly deprecated?: { readonly message: string; readonly successor?: string };
  /** Several about one package where it is needed several times. */
  readonly dependencies: readonly ListedDependency[];
  /** `requires` of its manifest. */
  readonly requires: JsonObject;
  /** `inputs` of its manifest, where a dependency has a condition on them. */
  readonly inputs?: JsonValue;
  /** The platforms that it has files for; none for all. */
  readonly platforms: readonly string[];
}

export interface ListedDependency {
  readonly name: string;
  readonly range: Range;
  readonly alias?: string;
  /** The condition under which it is needed. */
  readonly when?: string;
}

/**
 * All versions of a package with what each needs, in one request: `unchanged` when the registry still has what `etag`
 * stands for, undefined when it has no such package. A plain OCI registry is asked for its tags, their configs and the
 * marks beside them.
 */
export async function packageVersions(
  transport: Transport,
  repository: ContentReader,
  name: string,
  options: CallOptions & { readonly etag?: string | undefined } = {},
): Promise<VersionListing | "unchanged" | undefined> {
  const target = packagePath(name, "resolution");
  const found = await indexDocument(transport, target, `look up ${name}`, options);
  if (found === undefined) return versionsFromTags(repository, options.signal);
  return found === "unchanged" ? found : { ...found, versions: readVersionListing(found.document) };
}

/** Reads a listing as `VersionListing.document` holds it. Throws `registry/protocol`. */
export function readVersionListing(document: JsonObject): readonly ListedVersion[] {
  const { versions } = document;
  if (!Array.isArray(versions)) throw protocolError("a listing has no versions");
  return versions.map(readListed);
}

function readListed(value: JsonValue): ListedVersion {
  const listed = isJsonObject(value) ? value : {};
  const { version, digest, publishedAt, yanked, yankReason, deprecated, dependencies, requires, inputs, platforms } =
    listed;
  const parsed = typeof version === "string" ? readVersion(version) : undefined;
  if (parsed === undefined || typeof digest !== "string" || !isDigest(digest))
    throw protocolError("a listed version has no number or no digest");
  const publishedAtMs = typeof publishedAt === "string" ? Date.parse(publishedAt) : Number.NaN;
  return {
    version: parsed,
    digest,
    ...(Number.isNaN(publishedAtMs) ? {} : { publishedAtMs }),
    yanked: yanked === true,
    ...(typeof yankReason === "string" && yankReason !== ""
      ? { yankReason: printable(yankReason, maxNoticeLength) }
      : {}),
    ...readDeprecated(deprecated),
    dependencies: readDependencies(dependencies, parsed.text),
    requires: isJsonObject(requires) ? requires : {},
    ...(inputs === undefined ? {} : { inputs }),
    platforms: Array.isArray(platforms) ? platforms.filter((entry: JsonValue) => typeof entry === "string") : [],
  };
}

/** What cannot be read counts as nothing: it is advice, and no part of what is resolved. */
function readDeprecated(value: JsonValue | undefined): Pick<ListedVersion, "deprecated"> {
  const { message, successor } = value !== undefined && isJsonObject(value) ? value : {};
  if (typeof message !== "string" || message === "") return {};
  const named = typeof successor === "string" && isPackageName(successor) ? { successor } : {};
  return { deprecated: { message: printable(message, maxNoticeLength), ...named } };
}

/** As in colony.yaml: a range, a map with one, or a list of such maps. */
function readDependencies(value: JsonValue | undefined, version: string): readonly ListedDependency[] {
  return Object.entries(isJsonObject(value) ? value : {}).flatMap(([name, wanted]) => {
    const entries = Array.isArray(wanted) ? (wanted as readonly JsonValue[]) : [wanted];
    return entries.map((entry) => readDependency(name, entry, version));
  });
}

function readDependency(name: string, wanted: JsonValue, version: string): ListedDependency {
  const { version: text, alias, when } = isJsonObject(wanted) ? wanted : { version: wanted };
  const range = typeof text === "string" ? readRange(text) : undefined;
  if (range === undefined) throw protocolError(`version ${version} needs ${name} in a range that cannot be read`);
  return {
    name,
    range,
    ...(typeof alias === "string" ? { alias } : {}),
    ...(typeof when === "string" ? { when } : {}),
  };
}

/** What `packageVersions` tells of a repository by its tags and configs alone. */
export async function versionsFromTags(
  repository: ContentReader,
  signal?: CancelSignal,
): Promise<VersionListing | undefined> {
  const found = await readVersions(repository, signal);
  if (found.length === 0) return undefined;
  const document = { versions: found.map(formatReadVersion) };
  return { versions: readVersionListing(document), document };
}

/** As the index has it, without the time. */
export function formatReadVersion({ version, root, manifest, mark }: ReadVersion): JsonObject {
  return {
    version: version.text,
    digest: root.digest,
    ...(mark?.yanked === true ? { yanked: true, yankReason: mark.reason } : {}),
    ...resolverFacts(formatManifest(manifest)),
  };
}
