import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, decodeUtf8, encodeUtf8, isDigest, isJsonObject, parseJson } from "@cpm/base";
import { parseRepositoryName } from "@cpm/oci";
import { registryError } from "../errors.ts";

/**
 * What an image layout cannot say of a repository, as it was at the moment of the export; what of it is in the layout is
 * said by the layout's index. No secrets, and no accounts.
 */
export interface RepositoryDocument {
  readonly repository: string;
  /** Of the namespace that it is in. */
  readonly private: boolean;
  readonly manifests: readonly ExportedManifest[];
  /** Of the package that it is, in the order of their publication. */
  readonly versions: readonly ExportedVersion[];
}

export interface ExportedManifest {
  readonly digest: Digest;
  readonly storedAtMs: number;
}

export interface ExportedVersion {
  readonly version: string;
  readonly digest: Digest;
  readonly publishedAtMs: number;
}

/** The artifact type of a document's manifest, and the media type of the document. */
export const repositoryMediaType = "application/vnd.colonyos.cpm.repository.v1+json";
/** The annotation that says of each entry of a layout's index which repository it is of. */
export const repositoryAnnotation = "org.colonyos.cpm.repository";

const format = "cpm/repository/v1";

/** Canonical JSON: the same document has the same bytes. */
export function formatRepositoryDocument(document: RepositoryDocument): Uint8Array<ArrayBuffer> {
  const { manifests, versions, ...rest } = document;
  const objects = (entries: readonly object[]): JsonObject[] => entries.map((entry) => ({ ...entry }));
  return encodeUtf8(canonicalJson({ format, ...rest, manifests: objects(manifests), versions: objects(versions) }));
}

/** Inverse of `formatRepositoryDocument`. Throws `registry-server/export-invalid`. */
export function parseRepositoryDocument(bytes: Uint8Array, where: string): RepositoryDocument {
  const value = parseJson(decodeUtf8(bytes), { file: where });
  const invalid = () => registryError("registry-server/export-invalid", `what ${where} says cannot be read`);
  if (!isJsonObject(value) || value["format"] !== format) throw invalid();
  const { repository, private: hidden, manifests, versions } = value;
  const digested = (entry: JsonValue): entry is JsonObject =>
    isJsonObject(entry) && typeof entry["digest"] === "string" && isDigest(entry["digest"]);
  const right =
    typeof repository === "string" &&
    typeof hidden === "boolean" &&
    isListOf(manifests, (entry) => digested(entry) && isTime(entry["storedAtMs"])) &&
    isListOf(versions, (entry) => digested(entry) && isText(entry["version"]) && isTime(entry["publishedAtMs"]));
  if (!right) throw invalid();
  parseRepositoryName(repository);
  const { format: _, ...document } = value;
  return document as unknown as RepositoryDocument;
}

function isListOf(value: JsonValue | undefined, isRight: (entry: JsonValue) => boolean): boolean {
  return Array.isArray(value) && value.every((entry: JsonValue) => isRight(entry));
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= 255;
}

function isTime(value: JsonValue | undefined): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
