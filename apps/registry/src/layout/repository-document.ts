import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, decodeUtf8, encodeUtf8, isDigest, isJsonObject, parseJson } from "@cpm/base";
import { isNotice, isPackageName } from "@cpm/model";
import { parseRepositoryName } from "@cpm/oci";
import { registryError } from "../errors.ts";
import type { DeprecationNotice } from "../metadata.ts";

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
  /** Of it and of versions. What is yanked is said by manifests. */
  readonly deprecations: readonly ExportedDeprecation[];
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

export interface ExportedDeprecation extends DeprecationNotice {
  /** Absent for the package with all its versions. */
  readonly version?: string;
}

/** The artifact type of a document's manifest, and the media type of the document. */
export const repositoryMediaType = "application/vnd.colonyos.cpm.repository.v1+json";
/** The annotation that says of each entry of a layout's index which repository it is of. */
export const repositoryAnnotation = "org.colonyos.cpm.repository";

const format = "cpm/repository/v1";

/** Canonical JSON: the same document has the same bytes. */
export function formatRepositoryDocument(document: RepositoryDocument): Uint8Array<ArrayBuffer> {
  const { manifests, versions, deprecations, ...rest } = document;
  const objects = (entries: readonly object[]): JsonObject[] => entries.map((entry) => ({ ...entry }));
  const lists = { manifests: objects(manifests), versions: objects(versions), deprecations: objects(deprecations) };
  return encodeUtf8(canonicalJson({ format, ...rest, ...lists }));
}

/** Inverse of `formatRepositoryDocument`. Throws `registry-server/export-invalid`. */
export function parseRepositoryDocument(bytes: Uint8Array, where: string): RepositoryDocument {
  const value = parseJson(decodeUtf8(bytes), { file: where });
  const invalid = () => registryError("registry-server/export-invalid", `what ${where} says cannot be read`);
  if (!isJsonObject(value) || value["format"] !== format) throw invalid();
  const { repository, private: hidden, manifests, versions, deprecations } = value;
  const digested = (entry: JsonValue): entry is JsonObject =>
    isJsonObject(entry) && typeof entry["digest"] === "string" && isDigest(entry["digest"]);
  const right =
    typeof repository === "string" &&
    typeof hidden === "boolean" &&
    isListOf(manifests, (entry) => digested(entry) && isTime(entry["storedAtMs"])) &&
    isListOf(versions, (entry) => digested(entry) && isText(entry["version"]) && isTime(entry["publishedAtMs"])) &&
    isListOf(deprecations, isDeprecation);
  if (!right) throw invalid();
  parseRepositoryName(repository);
  const { format: _, ...document } = value;
  return document as unknown as RepositoryDocument;
}

function isListOf(value: JsonValue | undefined, isRight: (entry: JsonValue) => boolean): boolean {
  return Array.isArray(value) && value.every((entry: JsonValue) => isRight(entry));
}

function isDeprecation(entry: JsonValue): boolean {
  if (!isJsonObject(entry)) return false;
  const { version = "0.0.0", message, successor = "a/b" } = entry;
  if (typeof message !== "string" || typeof successor !== "string") return false;
  return isText(version) && isNotice(message) && isPackageName(successor);
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= 255;
}

function isTime(value: JsonValue | undefined): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
