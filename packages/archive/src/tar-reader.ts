import { equalBytes } from "@cpm/base";
import { EntryTable } from "./entry-table.ts";
import { archiveError } from "./errors.ts";
import { maxPaxBytes, parsePaxRecords } from "./pax-records.ts";
import type { PaxRecords } from "./pax-records.ts";
import type { ArchiveLimits, TarEntry } from "./tar-entry.ts";
import { defaultArchiveLimits, tarBlockBytes, tarPaddingBytes } from "./tar-entry.ts";
import { decodeTarHeader, encodeTarHeader, isCanonicalBlock, isZeroBlock, maxOctalSize } from "./tar-header.ts";
import type { HeaderFields } from "./tar-header.ts";

/** What a reader tells while bytes arrive. A method that throws stops the reader. */
export interface TarSink {
  /** An entry that passed every check that can be made before the end. Symlinks are certain only after `end`. */
  entry(entry: TarEntry): void;
  /** A piece of the content of the current file: a view that is valid during the call only. */
  data(chunk: Uint8Array): void;
  entryEnd(entry: TarEntry): void;
}

/**
 * The one strict reader: it accepts exactly the archives that the writer makes (`encodeTarHeader`, entries in
 * byte order, two zero blocks) and refuses every other byte sequence with an `archive/…` error, so that no two
 * parts of the system can be shown different packages. It is fed with chunks of any size and never holds more
 * than a header and the table of paths. After an error it must not be used again.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #limits: ArchiveLimits;
  readonly #table: EntryTable;
  readonly #block = new Uint8Array(tarBlockBytes);
  #blockBytes = 0;
  #state: "header" | "pax" | "body" | "padding" | "end" | "done" = "header";
  /** Bytes still to come of the current PAX body (with its padding), file body or padding. */
  #remaining = 0;
  #entry: TarEntry | undefined;
  readonly #pax = new PaxHeader();
  #totalBytes = 0;

  /** Whoever reads archives of others gives a `hashSeed` that they cannot foretell: then none of them is slow to read. */
  constructor(sink: TarSink, limits: ArchiveLimits = defaultArchiveLimits, hashSeed = 0) {
    this.#sink = sink;
    this.#limits = limits;
    this.#table = new EntryTable(limits, hashSeed);
  }

  write(chunk: Uint8Array): void {
    this.#totalBytes += chunk.length;
    this.#checkTotal();
    let at = 0;
    while (at < chunk.length) at += this.#step(chunk, at);
  }

  /** How many bytes of the current file's content are to come, which may be passed over with `skip`. */
  get remainingContentBytes(): number {
    return this.#state === "body" ? this.#remaining : 0;
  }

  /** Passes over so many bytes of the current file's content unseen, for whoever checks it by its digest later. */
  skip(countBytes: number): void {
    if (countBytes > this.remainingContentBytes) throw new RangeError("only content can be passed over");
    this.#totalBytes += countBytes;
    this.#checkTotal();
    this.#remaining -= countBytes;
    if (this.#state === "body" && this.#remaining === 0) this.#endEntry();
  }

  /** Must be called when there are no more bytes: an archive without its end is refused here. */
  end(): { readonly entries: number; readonly totalBytes: number } {
    if (this.#state !== "done") {
      const inside = this.#state !== "header" && this.#state !== "end";
      if (inside || this.#blockBytes > 0)
        throw archiveError("archive/truncated", "the archive ends inside an entry", this.#entry?.path);
      if (this.#pax.isPresent) throw archiveError("archive/pax-dangling", "a PAX header has no entry");
      throw archiveError("archive/missing-end", "the archive does not end with two zero blocks");
    }
    this.#table.finish();
    return { entries: this.#table.size, totalBytes: this.#totalBytes };
  }

  #checkTotal(): void {
    if (this.#totalBytes <= this.#limits.maxTotalBytes) return;
    throw archiveError("archive/total-too-large", `the archive has more than ${this.#limits.maxTotalBytes} bytes`);
  }

  /** Consumes at least one byte and returns how many. */
  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case "body":
        return this.#readBody(chunk, at);
      case "padding":
        return this.#readPadding(chunk, at);
      case "pax":
        return this.#readPax(chunk, at);
      case "done":
        throw archiveError("archive/trailing-data", "there is data after the end of the archive");
      default:
        return this.#readBlock(chunk, at);
    }
  }

  #readBlock(chunk: Uint8Array, at: number): number {
    if (this.#blockBytes === 0 && chunk.length - at >= tarBlockBytes) {
      this.#header(chunk.subarray(at, at + tarBlockBytes));
      return tarBlockBytes;
    }
    const take = Math.min(tarBlockBytes - this.#blockBytes, chunk.length - at);
    this.#block.set(chunk.subarray(at, at + take), this.#blockBytes);
    this.#blockBytes += take;
    if (this.#blockBytes === tarBlockBytes) {
      this.#blockBytes = 0;
      this.#header(this.#block);
    }
    return take;
  }

  #header(block: Uint8Array): void {
    if (isZeroBlock(block)) {
      if (this.#pax.isPresent) throw archiveError("archive/pax-dangling", "a PAX header has no entry");
      this.#state = this.#state === "end" ? "done" : "end";
      return;
    }
    if (this.#state === "end") throw archiveError("archive/lone-zero-block", "a header follows a single zero block");
    const fields = decodeTarHeader(block);
    if (fields.type === "x") this.#beginPax(fields, block);
    else this.#beginEntry(fields, block);
  }

  #beginPax(fields: HeaderFields, block: Uint8Array): void {
    if (this.#pax.isPresent) throw archiveError("archive/pax-duplicate", "two PAX headers stand before one entry");
    if (fields.sizeBytes > maxPaxBytes || fields.sizeBytes === 0) {
      throw archiveError(
        "archive/pax-too-large",
        `a PAX header of ${fields.sizeBytes} bytes; at most ${maxPaxBytes} are used`,
      );
    }
    this.#pax.begin(block, fields.sizeBytes);
    this.#remaining = fields.sizeBytes + tarPaddingBytes(fields.sizeBytes);
    this.#state = "pax";
  }

  #readPax(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#remaining, chunk.length - at);
    this.#pax.append(chunk, at, at + take);
    this.#remaining -= take;
    if (this.#remaining === 0) this.#state = "header";
    return take;
  }

  #beginEntry(fields: HeaderFields, block: Uint8Array): void {
    const pax = this.#pax;
    const entry = toEntry(fields, pax.isPresent ? parsePaxRecords(pax.body()) : noRecords);
    if (entry.sizeBytes > this.#limits.maxFileBytes) {
      throw archiveError(
        "archive/file-too-large",
        `a file of ${entry.sizeBytes} bytes; at most ${this.#limits.maxFileBytes} are allowed`,
        entry.path,
      );
    }
    this.#table.add(entry);
    const canonical = pax.isPresent ? pax.isCanonical(block, entry) : isCanonicalBlock(block, entry);
    if (!canonical) throw archiveError("archive/not-canonical", "the header is not in its canonical form", entry.path);
    pax.end();
    this.#sink.entry(entry);
    this.#entry = entry;
    this.#remaining = entry.sizeBytes;
    if (entry.sizeBytes > 0) this.#state = "body";
    else this.#endEntry();
  }

  #readBody(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#remaining, chunk.length - at);
    this.#sink.data(take === chunk.length ? chunk : chunk.subarray(at, at + take));
    this.#remaining -= take;
    if (this.#remaining === 0) this.#endEntry();
    return take;
  }

  #endEntry(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.#sink.entryEnd(entry);
    this.#remaining = tarPaddingBytes(entry.sizeBytes);
    this.#state = this.#remaining > 0 ? "padding" : "header";
  }

  #readPadding(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#remaining, chunk.length - at);
    for (let index = at; index < at + take; index++) {
      if (chunk[index] !== 0)
        throw archiveError("archive/padding", "the padding after a file is not zero", this.#entry?.path);
    }
    this.#remaining -= take;
    if (this.#remaining === 0) this.#state = "header";
    return take;
  }
}

/** A PAX header and its records, in memory that serves one entry after another. */
class PaxHeader {
  readonly #bytes = new Uint8Array(tarBlockBytes + maxPaxBytes);
  #length = 0;
  #bodyBytes = 0;

  /** Whether one stands before the next entry. */
  get isPresent(): boolean {
    return this.#length > 0;
  }

  begin(block: Uint8Array, bodyBytes: number): void {
    this.#bytes.set(block);
    this.#length = tarBlockBytes;
    this.#bodyBytes = bodyBytes;
  }

  append(chunk: Uint8Array, start: number, end: number): void {
    this.#bytes.set(chunk.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  body(): Uint8Array {
    return this.#bytes.subarray(tarBlockBytes, tarBlockBytes + this.#bodyBytes);
  }

  /** Whether this and the block after it are, byte for byte, what the entry is written as. */
  isCanonical(block: Uint8Array, entry: TarEntry): boolean {
    const expected = encodeTarHeader(entry);
    return (
      expected.length === this.#length + block.length &&
      equalBytes(expected.subarray(0, this.#length), this.#bytes.subarray(0, this.#length)) &&
      equalBytes(expected.subarray(this.#length), block)
    );
  }

  end(): void {
    this.#length = 0;
  }
}

const noRecords: PaxRecords = {};

function toEntry(fields: HeaderFields, records: PaxRecords): TarEntry {
  if (records.size !== undefined && records.size <= maxOctalSize) {
    throw archiveError(
      "archive/pax-needless",
      `a PAX record gives the size ${records.size}, which fits the header`,
      fields.name,
    );
  }
  const name = records.path ?? fields.name;
  const sizeBytes = records.size ?? fields.sizeBytes;
  const directory = fields.type === "5";
  if (name === "" || name === "/")
    throw archiveError(name === "" ? "archive/path-empty" : "archive/path-absolute", "a path is empty or the root");
  if (name.endsWith("/") !== directory)
    throw archiveError("archive/path-slash", "a directory's path ends in one slash, and only a directory's", name);
  if (fields.type !== "0" && sizeBytes > 0)
    throw archiveError("archive/unexpected-size", "only files have content", name);
  const target = records.linkpath ?? fields.linkName;
  if (fields.type !== "2" && target !== "")
    throw archiveError("archive/link-target", "only a symlink has a target", name);
  const { executable } = fields;
  if (fields.type === "0") return { path: name, type: "file", executable, sizeBytes };
  if (directory) return { path: name.slice(0, -1), type: "directory", executable, sizeBytes };
  return { path: name, type: "symlink", executable, sizeBytes, linkTarget: target };
}
