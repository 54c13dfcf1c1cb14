import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, decodeUtf8, encodeUtf8, isDigest, isJsonObject, parseJson } from "@cpm/base";
import { operationError } from "../errors.ts";

/** What a bundle says of itself beside its lockfile: the config of its artifact. */
export interface BundleDocument {
  /** `os/arch` of those that it was made for; absent when it holds all. */
  readonly platforms?: readonly string[];
  /** The bundles whose contents it does not hold again; none for a bundle that stands alone. */
  readonly needs: readonly NeededBundle[];
}

export interface NeededBundle {
  /** Digest of the other bundle's artifact. */
  readonly bundle: Digest;
  /** What it is needed for; another bundle that holds the same does as well. */
  readonly contents: readonly NeededContent[];
}

export interface NeededContent {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

const format = "cpm/bundle/v1";

/** Canonical JSON: the same document has the same bytes. */
export function formatBundleDocument({ platforms, needs }: BundleDocument): Uint8Array<ArrayBuffer> {
  const body: JsonObject = {
    format,
    ...(platforms === undefined ? {} : { platforms }),
    needs: needs.map(({ bundle, contents }) => ({ bundle, contents: contents.map((entry) => ({ ...entry })) })),
  };
  return encodeUtf8(canonicalJson(body));
}

/** Inverse of `formatBundleDocument`. Throws `bundle/invalid`. */
export function parseBundleDocument(bytes: Uint8Array, where: string): BundleDocument {
  const value = parseJson(decodeUtf8(bytes), { file: where });
  const invalid = () => operationError("bundle/invalid", `what ${where} says of itself cannot be read`);
  if (!isJsonObject(value) || value["format"] !== format) throw invalid();
  const { platforms, needs } = value;
  if (!Array.isArray(needs) || !needs.every(isNeeded)) throw invalid();
  const read = { needs: needs as unknown as readonly NeededBundle[] };
  if (platforms === undefined) return read;
  if (!Array.isArray(platforms) || !platforms.every((entry: JsonValue) => typeof entry === "string")) throw invalid();
  return { ...read, platforms };
}

function isNeeded(value: JsonValue): boolean {
  if (!isJsonObject(value) || !isDigestText(value["bundle"])) return false;
  const { contents } = value;
  return (
    Array.isArray(contents) &&
    contents.every(
      (entry: JsonValue) =>
        isJsonObject(entry) && isDigestText(entry["digest"]) && Number.isSafeInteger(entry["sizeBytes"]),
    )
  );
}

function isDigestText(value: JsonValue | undefined): boolean {
  return typeof value === "string" && isDigest(value);
}
