import { encodeTarHeader, tarEndBytes, tarPaddingBytes } from "@cpm/archive";
import type { Digest, JsonValue } from "@cpm/base";
import { concatBytes, encodeUtf8, isDigest, isJsonObject, stringifyJson } from "@cpm/base";

/** What each part of a split file says of itself and of the whole. */
export interface PartHeader {
  /** sha256 of the whole file: parts with the same are of one. */
  readonly whole: Digest;
  readonly wholeBytes: number;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
  /** Where its bytes stand in the whole. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** sha256 of its bytes. */
  readonly digest: Digest;
}

const format = "cpm/part/v1";
export const partHeaderName = "about-this-part.json";
export const partDataName = "data";
/** No header is near this. */
export const maxPartHeaderBytes = 4096;
/** Room for everything in a part that is not its bytes. */
export const partOverheadBytes = 8192;

/** A part is a tar of two files: what it is, and its bytes. This is all that stands before the bytes. */
export function encodePartStart(header: PartHeader): Uint8Array<ArrayBuffer> {
  const { sizeBytes } = header;
  const text = encodeUtf8(`${stringifyJson({ format, ...header }, 2)}\n`);
  const about = { path: partHeaderName, type: "file" as const, executable: false, sizeBytes: text.length };
  const data = { path: partDataName, type: "file" as const, executable: false, sizeBytes };
  const padding = new Uint8Array(tarPaddingBytes(text.length));
  return concatBytes([encodeTarHeader(about), text, padding, encodeTarHeader(data)]);
}

export function encodePartEnd({ sizeBytes }: PartHeader): Uint8Array<ArrayBuffer> {
  return new Uint8Array(tarPaddingBytes(sizeBytes) + tarEndBytes);
}

/** Undefined when it is not what `encodePartStart` writes. */
export function readPartHeader(value: JsonValue): PartHeader | undefined {
  if (!isJsonObject(value) || value["format"] !== format) return undefined;
  const { whole, wholeBytes, part, parts, offsetBytes, sizeBytes, digest } = value;
  if (typeof whole !== "string" || typeof digest !== "string" || !isDigest(whole) || !isDigest(digest))
    return undefined;
  if (!isCount(wholeBytes) || !isCount(part) || !isCount(parts) || !isCount(offsetBytes) || !isCount(sizeBytes))
    return undefined;
  const within = part >= 1 && part <= parts && offsetBytes + sizeBytes <= wholeBytes;
  return within ? { whole, wholeBytes, part, parts, offsetBytes, sizeBytes, digest } : undefined;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
