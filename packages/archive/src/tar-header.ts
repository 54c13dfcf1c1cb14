import { concatBytes, decodeUtf8, encodeUtf8, equalBytes } from "@cpm/base";
import { archiveError } from "./errors.ts";
import type { TarEntry } from "./tar-entry.ts";
import { tarBlockBytes, tarPaddingBytes } from "./tar-entry.ts";

/*
 * POSIX.1-1988 ustar, as packages use it:
 *
 *   offset size field      content
 *        0  100 name       path; directories end in "/"; cut to fit when a PAX record carries it
 *      100    8 mode       0000644, 0000755; directories 0000755; symlinks 0000777
 *      108   16 uid, gid   0000000
 *      124   12 size       octal; 0 when a PAX record carries it
 *      136   12 mtime      00000000000
 *      148    8 chksum     six octal digits, NUL, space
 *      156    1 typeflag   "0" file, "5" directory, "2" symlink, "x" PAX records of the next header
 *      157  100 linkname   target of a symlink
 *      257    8 magic      "ustar" NUL "00"
 *      265   64 owner      empty user and group names
 *      329   16 device     0000000 0000000
 *      345  155 prefix     empty
 */
const nameBytes = 100;
export const maxOctalSize = 0o77777777777;
const paxHeaderName = encodeUtf8("PaxHeader");
const template = createTemplate();

export type TypeFlag = "0" | "2" | "5" | "x";

/**
 * The one header that an entry has: one block, or three and more when a path, target or size does not fit and
 * is carried by PAX records. The same entry gives the same bytes on every machine.
 */
export function encodeTarHeader(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const name = encodeUtf8(entry.type === "directory" ? `${entry.path}/` : entry.path);
  const target = encodeUtf8(entry.linkTarget ?? "");
  const records = [
    ...(target.length > nameBytes ? [paxRecord("linkpath", target)] : []),
    ...(name.length > nameBytes ? [paxRecord("path", name)] : []),
    ...(entry.sizeBytes > maxOctalSize ? [paxRecord("size", encodeUtf8(String(entry.sizeBytes)))] : []),
  ];
  const size = entry.sizeBytes > maxOctalSize ? 0 : entry.sizeBytes;
  const header = encodeBlock(typeFlagOf(entry), modeOf(entry), cut(name), size, cut(target));
  if (records.length === 0) return header;
  const body = concatBytes(records);
  const padding = new Uint8Array(tarPaddingBytes(body.length));
  return concatBytes([encodeBlock("x", 0o644, paxHeaderName, body.length, new Uint8Array(0)), body, padding, header]);
}

/** The fields of one block that vary. Everything else is checked to be as our writer writes it. */
export interface HeaderFields {
  readonly type: TypeFlag;
  readonly executable: boolean;
  readonly name: string;
  readonly linkName: string;
  readonly sizeBytes: number;
}

/** Reads one block. Throws an `archive/…` error that names what is not as it must be. */
export function decodeTarHeader(block: Uint8Array): HeaderFields {
  checkMagic(block);
  checkChecksum(block);
  const type = readType(block);
  if (!isZero(block, 345, 500))
    throw archiveError("archive/prefix", "a path is split over the ustar prefix", readText(block, 345, 155));
  if (!matchesTemplate(block, 108, 124) || !matchesTemplate(block, 265, 345)) {
    throw archiveError("archive/ownership", "an entry names an owner or a device", readText(block, 0, nameBytes));
  }
  if (!matchesTemplate(block, 136, 148))
    throw archiveError("archive/mtime", "an entry has a modification time", readText(block, 0, nameBytes));
  const sizeBytes = readOctal(block, 124, 12, "size");
  const mode = readOctal(block, 100, 8, "mode");
  const name = readText(block, 0, nameBytes);
  if (!isModeOf(type, mode))
    throw archiveError("archive/mode", `mode ${mode.toString(8)} is not used in packages`, name);
  return {
    type,
    executable: type === "0" && mode === 0o755,
    name,
    linkName: readText(block, 157, nameBytes),
    sizeBytes,
  };
}

/**
 * Whether a block that was decoded is, byte for byte, the one that its entry is written as, when no PAX record goes
 * with it. `decodeTarHeader` has compared all the rest.
 */
export function isCanonicalBlock(block: Uint8Array, entry: TarEntry): boolean {
  const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
  return (
    holdsText(block, 0, nameBytes, name) &&
    holdsText(block, 157, nameBytes, entry.linkTarget ?? "") &&
    isZero(block, 500, tarBlockBytes)
  );
}

export function isZeroBlock(block: Uint8Array): boolean {
  return isZero(block, 0, tarBlockBytes);
}

/** `<length> <key>=<value>\n`, where the length counts itself (POSIX.1-2001, pax). */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return concatBytes([encodeUtf8(`${length} ${key}=`), value, encodeUtf8("\n")]);
}

function encodeBlock(
  type: TypeFlag,
  mode: number,
  name: Uint8Array,
  size: number,
  linkName: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const block = template.slice();
  block.set(name, 0);
  writeOctal(block, 100, 7, mode);
  writeOctal(block, 124, 11, size);
  block[156] = type.charCodeAt(0);
  block.set(linkName, 157);
  writeOctal(block, 148, 6, checksumOf(block));
  block[154] = 0;
  block[155] = 0x20;
  return block;
}

function createTemplate(): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(tarBlockBytes);
  for (const [offset, digits] of [
    [108, 7],
    [116, 7],
    [136, 11],
    [329, 7],
    [337, 7],
  ] as const)
    writeOctal(block, offset, digits, 0);
  block.set(encodeUtf8("ustar\u000000"), 257);
  return block;
}

function typeFlagOf(entry: TarEntry): TypeFlag {
  return entry.type === "file" ? "0" : entry.type === "directory" ? "5" : "2";
}

function modeOf(entry: TarEntry): number {
  if (entry.type === "symlink") return 0o777;
  return entry.type === "directory" || entry.executable ? 0o755 : 0o644;
}

function isModeOf(type: TypeFlag, mode: number): boolean {
  if (type === "0") return mode === 0o644 || mode === 0o755;
  if (type === "x") return mode === 0o644;
  return mode === (type === "5" ? 0o755 : 0o777);
}

/** At most 100 bytes, and never half a character. */
function cut(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= nameBytes) return bytes;
  let end = nameBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

function writeOctal(block: Uint8Array, offset: number, digits: number, value: number): void {
  let rest = value;
  for (let at = offset + digits - 1; at >= offset; at--) {
    block[at] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** The sum of all bytes with the checksum field read as spaces. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0;
  for (let at = 156; at < tarBlockBytes; at++) sum += block[at] ?? 0;
  return sum;
}

function checkMagic(block: Uint8Array): void {
  if (!matchesTemplate(block, 257, 265)) throw archiveError("archive/magic", "the block is not a ustar header");
}

function checkChecksum(block: Uint8Array): void {
  let rest = checksumOf(block);
  let canonical = block[154] === 0 && block[155] === 0x20;
  for (let at = 153; at >= 148; at--) {
    if (block[at] !== 0x30 + (rest & 7)) canonical = false;
    rest >>= 3;
  }
  if (!canonical) throw archiveError("archive/checksum", "a header's checksum is wrong", readTextLossy(block));
}

function readType(block: Uint8Array): TypeFlag {
  const type = String.fromCharCode(block[156] ?? 0);
  const name = () => readTextLossy(block);
  switch (type) {
    case "0":
    case "2":
    case "5":
    case "x":
      return type;
    case "1":
      throw archiveError("archive/hardlink", "hard links are not used in packages", name());
    case "3":
    case "4":
    case "6":
      throw archiveError("archive/special-file", "devices and FIFOs have no place in a package", name());
    case "g":
      throw archiveError("archive/global-header", "PAX global headers are not used in packages");
    case "L":
    case "K":
      throw archiveError("archive/gnu-long-name", "GNU long names are not used in packages");
    case "S":
      throw archiveError("archive/sparse", "sparse files are not used in packages", name());
    default:
      throw archiveError(
        "archive/unknown-type",
        `entries of type ${JSON.stringify(type)} are not used in packages`,
        name(),
      );
  }
}

function readOctal(block: Uint8Array, offset: number, length: number, field: string): number {
  if (((block[offset] ?? 0) & 0x80) !== 0)
    throw archiveError("archive/number-base256", `the ${field} is in base 256`, readTextLossy(block));
  let value = 0;
  for (let at = offset; at < offset + length - 1; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7)
      throw archiveError("archive/number", `the ${field} is not canonical octal`, readTextLossy(block));
    value = value * 8 + digit;
  }
  if (block[offset + length - 1] !== 0)
    throw archiveError("archive/number", `the ${field} has no terminator`, readTextLossy(block));
  return value;
}

/** A NUL-terminated field. What follows the NUL is compared with the canonical header by the reader. */
function readText(block: Uint8Array, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && block[end] !== 0) end++;
  if (end === offset) return "";
  try {
    return decodeUtf8(block.subarray(offset, end));
  } catch {
    throw archiveError("archive/path-encoding", "a path is not UTF-8", latin1(block, offset, end));
  }
}

/** For messages about headers that cannot be trusted. */
function readTextLossy(block: Uint8Array): string {
  let end = 0;
  while (end < nameBytes && block[end] !== 0) end++;
  return latin1(block, 0, end);
}

function latin1(block: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...block.subarray(start, end));
}

/** Whether a field holds exactly this text, with zeros after it. */
function holdsText(block: Uint8Array, offset: number, length: number, text: string): boolean {
  if (text.length > length) return false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return holdsBytes(block, offset, length, encodeUtf8(text));
    if (block[offset + at] !== unit) return false;
  }
  return isZero(block, offset + text.length, offset + length);
}

function holdsBytes(block: Uint8Array, offset: number, length: number, bytes: Uint8Array): boolean {
  const end = offset + bytes.length;
  return (
    bytes.length <= length && equalBytes(block.subarray(offset, end), bytes) && isZero(block, end, offset + length)
  );
}

function matchesTemplate(block: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (block[at] !== template[at]) return false;
  return true;
}

function isZero(block: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (block[at] !== 0) return false;
  return true;
}
