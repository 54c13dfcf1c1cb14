import { decodeUtf8 } from "@cpm/base";
import { archiveError } from "./errors.ts";

/** The PAX records that a package may use. */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/** Three records with the longest path and target. */
export const maxPaxBytes = 4096;

const lengthPattern = /^[1-9]\d{0,4}$/;

/** Reads the body of an `x` header. Throws `archive/pax-…` and, for sparse maps and attributes, codes of their own. */
export function parsePaxRecords(body: Uint8Array): PaxRecords {
  const records = new Map<string, string>();
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const length = space === -1 || space - at > 5 ? "" : asciiText(body, at, space);
    if (!lengthPattern.test(length)) throw archiveError("archive/pax-syntax", "a PAX record has no proper length");
    const end = at + Number(length);
    if (end > body.length || end <= space + 1 || body[end - 1] !== 0x0a) {
      throw archiveError("archive/pax-syntax", `a PAX record of length ${length} does not end where it says`);
    }
    const equals = body.indexOf(0x3d, space);
    if (equals === -1 || equals >= end) throw archiveError("archive/pax-syntax", "a PAX record has no key");
    const key = asciiText(body, space + 1, equals);
    checkKey(key);
    if (records.has(key)) throw archiveError("archive/pax-duplicate", `the PAX record ${key} is given twice`);
    records.set(key, readValue(key, body.subarray(equals + 1, end - 1)));
    at = end;
  }
  return toRecords(records);
}

function toRecords(records: ReadonlyMap<string, string>): PaxRecords {
  const [path, linkpath, size] = [records.get("path"), records.get("linkpath"), records.get("size")];
  if (size !== undefined && !/^(0|[1-9]\d{0,15})$/.test(size)) {
    throw archiveError("archive/pax-syntax", "a PAX size is not a whole number", size);
  }
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}

function checkKey(key: string): void {
  if (key === "path" || key === "linkpath" || key === "size") return;
  if (key.startsWith("GNU.sparse")) throw archiveError("archive/sparse", "sparse files are not used in packages");
  if (/^(SCHILY\.(xattr|acl)|LIBARCHIVE\.xattr|RHT\.security)/.test(key)) {
    throw archiveError(
      "archive/extended-attributes",
      "extended attributes and access lists are not used in packages",
      key,
    );
  }
  throw archiveError("archive/pax-key", "this PAX record is not used in packages", key);
}

function readValue(key: string, bytes: Uint8Array): string {
  if (bytes.includes(0)) throw archiveError("archive/path-nul", `the PAX record ${key} holds a NUL`);
  try {
    return decodeUtf8(bytes);
  } catch {
    throw archiveError("archive/path-encoding", `the PAX record ${key} is not UTF-8`);
  }
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 200)));
}
