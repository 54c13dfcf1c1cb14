import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { TarReader } from "@cpm/archive";
import type { TarEntry } from "@cpm/archive";
import { collectBytes, concatBytes, decodeUtf8, isCpmError, parseJson } from "@cpm/base";
import type { CancelSignal, Digest } from "@cpm/base";
import { storeError, withFileErrors } from "./errors.ts";
import { readFileBytes } from "./files.ts";
import { createHasher } from "./hash.ts";
import {
  encodePartEnd,
  encodePartStart,
  maxPartHeaderBytes,
  partDataName,
  partHeaderName,
  readPartHeader,
} from "./part-header.ts";
import type { PartHeader } from "./part-header.ts";
import { openSpans } from "./random-access.ts";
import type { RandomAccess } from "./random-access.ts";
import { partPath } from "./split-writer.ts";

const namePattern = /^(.+)\.part(\d{1,4})of(\d{1,4})$/;

/** A file of one part. */
export interface FoundPart {
  readonly path: string;
  readonly header: PartHeader;
  /** Where its bytes begin in the file. */
  readonly dataOffsetBytes: number;
}

/** A split file with all of its parts, in order. */
export interface SplitFile {
  readonly whole: Digest;
  readonly parts: readonly FoundPart[];
  readonly access: RandomAccess;
}

/** Whether a file is called as parts are. */
export function isPartName(path: string): boolean {
  return namePattern.test(basename(path));
}

/**
 * Finds the other parts beside one of them. Throws `split/part-missing`, `split/part-foreign` and `split/part-damaged`,
 * each naming the file.
 */
export async function openSplitFile(path: string): Promise<SplitFile> {
  const [, stem = "", , count = ""] = namePattern.exec(basename(path)) ?? [];
  const folder = dirname(path);
  const first = await readPart(path);
  const { whole, parts } = first.header;
  const siblings = withFileErrors("list", folder, () => readdirSync(folder)).filter((name) => {
    const [, otherStem, , otherCount] = namePattern.exec(name) ?? [];
    return otherStem === stem && otherCount === count && name !== basename(path);
  });
  const found = new Map<number, FoundPart>([[first.header.part, first]]);
  for (const name of siblings.sort()) {
    const sibling = await readPart(join(folder, name));
    if (sibling.header.whole !== whole || sibling.header.parts !== parts) throw foreign(sibling, first);
    if (!found.has(sibling.header.part)) found.set(sibling.header.part, sibling);
  }
  const ordered = [...found.values()].sort((left, right) => left.header.part - right.header.part);
  checkComplete(ordered, join(folder, stem), first);
  const spans = ordered.map((part) => ({
    path: part.path,
    offsetBytes: part.dataOffsetBytes,
    sizeBytes: part.header.sizeBytes,
  }));
  return { whole, parts: ordered, access: openSpans(join(folder, stem), spans) };
}

/** Hashes every part and the whole. Throws `split/part-damaged` naming the first part that is not what it was. */
export async function verifySplitFile({ whole, parts }: SplitFile, signal?: CancelSignal): Promise<void> {
  const wholeHasher = createHasher();
  for (const { path, header, dataOffsetBytes } of parts) {
    const hasher = createHasher();
    for await (const chunk of readFileBytes(path, dataOffsetBytes, header.sizeBytes)) {
      signal?.throwIfAborted();
      hasher.update(chunk);
      wholeHasher.update(chunk);
    }
    const actual = hasher.digest();
    if (actual !== header.digest)
      throw damaged(path, `its bytes are ${actual}, not ${header.digest}`, header.digest, actual);
  }
  const actual = wholeHasher.digest();
  const [first] = parts;
  if (actual !== whole) throw damaged(first?.path ?? "", `the whole is ${actual}, not ${whole}`, whole, actual);
}

function checkComplete(parts: readonly FoundPart[], stem: string, { header, path }: FoundPart): void {
  const present = new Set(parts.map((part) => part.header.part));
  const missing = Array.from({ length: header.parts }, (_, index) => index + 1).filter((part) => !present.has(part));
  if (missing.length > 0) {
    const names = missing.slice(0, 5).map((part) => basename(partPath(stem, part, header.parts)));
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
    throw storeError(
      "split/part-missing",
      `${names.join(", ")}${more} ${missing.length === 1 ? "is" : "are"} missing`,
      {
        context: { missing, parts: header.parts },
      },
    );
  }
  let at = 0;
  for (const part of parts) {
    if (part.header.offsetBytes !== at) throw damaged(part.path, "it does not follow the part before it");
    at += part.header.sizeBytes;
  }
  if (at !== header.wholeBytes) throw damaged(path, `the parts have ${at} bytes, not ${header.wholeBytes}`);
}

/** Everything of a part but its bytes: nothing of it may be other than the writer makes it. */
async function readPart(path: string): Promise<FoundPart> {
  const limit = maxPartHeaderBytes * 2;
  const start = await collectBytes(readFileBytes(path, 0, limit), limit);
  const header = parseStart(start, path);
  const written = encodePartStart(header);
  const end = encodePartEnd(header);
  const { size } = withFileErrors("read", path, () => statSync(path));
  const whole = written.length + header.sizeBytes + end.length;
  if (size !== whole) throw damaged(path, `it has ${size} bytes, not ${whole}`);
  const tail = await collectBytes(readFileBytes(path, size - end.length, end.length), end.length);
  if (Buffer.compare(start.subarray(0, written.length), written) !== 0 || Buffer.compare(tail, end) !== 0)
    throw damaged(path, "it is not as it was written");
  return { path, header, dataOffsetBytes: written.length };
}

function parseStart(start: Uint8Array, path: string): PartHeader {
  const entries: TarEntry[] = [];
  const text: Uint8Array[] = [];
  const reader = new TarReader({
    entry: (entry) => void entries.push(entry),
    data: (chunk) => void (entries.length === 1 && text.push(chunk.slice())),
    entryEnd() {},
  });
  try {
    reader.write(start);
    const [about, data] = entries;
    if (about?.path === partHeaderName && data?.path === partDataName && about.sizeBytes <= maxPartHeaderBytes) {
      const header = readPartHeader(parseJson(decodeUtf8(concatBytes(text)), { file: path }));
      if (header !== undefined && header.sizeBytes === data.sizeBytes) return header;
    }
  } catch (error) {
    if (!isCpmError(error)) throw error;
    throw damaged(path, error.message, undefined, undefined, error);
  }
  throw damaged(path, "it does not begin as a part does");
}

function foreign(sibling: FoundPart, first: FoundPart) {
  const message = `${basename(sibling.path)} is a part of ${sibling.header.whole}, and ${basename(first.path)} of ${first.header.whole}`;
  return storeError("split/part-foreign", message, {
    context: { path: sibling.path, expected: first.header.whole, actual: sibling.header.whole },
  });
}

function damaged(path: string, why: string, expected?: Digest, actual?: Digest, cause?: unknown) {
  return storeError("split/part-damaged", `${basename(path)} is damaged: ${why}`, {
    context: { path, ...(expected === undefined ? {} : { expected, actual }) },
    cause,
  });
}
