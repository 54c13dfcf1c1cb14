import { decodeUtf8, isDigest, isJsonObject, parseJson } from "@cpm/base";
import type { Digest, JsonValue } from "@cpm/base";
import { archiveError } from "./errors.ts";
import { compareTarPaths } from "./tar-entry.ts";
import type { TarEntry } from "./tar-entry.ts";

/** An entry of an unpacked tree: the tar entry, and for a file the digest of its content. */
export interface TreeEntry extends TarEntry {
  readonly digest?: Digest;
}

/**
 * The canonical listing of a tree is a JSON array of its entries in byte order of their paths, each in canonical
 * JSON. Its sha256 is the address of the tree: equal trees have one address, however they were packed.
 */
export function formatTreeEntry(entry: TreeEntry): string {
  const { path, type, executable, sizeBytes, linkTarget, digest } = entry;
  // Canonical JSON written out, keys in order: a tree may have half a million entries.
  const name = quoted(path);
  if (type === "directory") return `{"path":${name},"type":"directory"}`;
  if (type === "symlink") return `{"linkTarget":${quoted(linkTarget ?? "")},"path":${name},"type":"symlink"}`;
  const program = executable ? '"executable":true,' : "";
  return `{"digest":"${digest ?? ""}",${program}"path":${name},"sizeBytes":${sizeBytes},"type":"file"}`;
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw archiveError("archive/tree-listing", "a lone surrogate has no JSON form", text);
  return JSON.stringify(text);
}

/** Reads a listing strictly: only the canonical bytes are one. Throws `archive/tree-listing`. */
export function parseTreeListing(bytes: Uint8Array): TreeEntry[] {
  const text = decodeUtf8(bytes);
  const list = parseJson(text, { file: "tree.json" });
  if (!Array.isArray(list)) throw archiveError("archive/tree-listing", "the listing is not a list");
  const entries = list.map((value: JsonValue) => parseTreeEntry(value));
  entries.forEach((entry, index) => {
    const before = entries[index - 1];
    if (before !== undefined && compareTarPaths(before.path, entry.path) >= 0) {
      throw archiveError("archive/tree-listing", "the entries are not in byte order", entry.path);
    }
  });
  if (`[${entries.map(formatTreeEntry).join(",")}]` !== text)
    throw archiveError("archive/tree-listing", "the listing is not canonical");
  return entries;
}

/** An entry of a canonical listing: one object that holds no other. */
const listed = /\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\}/g;

/**
 * The entries of a listing that comes in pieces, in memory that does not grow with it. Only for one whose digest was
 * checked: what stands between the entries is passed over. Throws `archive/tree-listing`.
 */
export function* readTreeEntries(pieces: Iterable<string>): Generator<TreeEntry> {
  let rest = "";
  for (const piece of pieces) {
    const text = rest + piece;
    let end = 0;
    for (const match of text.matchAll(listed)) {
      end = match.index + match[0].length;
      yield parseTreeEntry(parseJson(match[0], { file: "tree.json" }));
    }
    rest = text.slice(end);
  }
}

function parseTreeEntry(value: JsonValue): TreeEntry {
  if (!isJsonObject(value)) throw archiveError("archive/tree-listing", "an entry is not an object");
  const { path, type, executable = false, sizeBytes = 0, linkTarget, digest } = value;
  const typed = type === "file" || type === "directory" || type === "symlink";
  if (typeof path !== "string" || !typed || typeof executable !== "boolean" || typeof sizeBytes !== "number") {
    throw archiveError("archive/tree-listing", "an entry lacks a field", typeof path === "string" ? path : undefined);
  }
  return {
    path,
    type,
    executable,
    sizeBytes,
    ...(typeof linkTarget === "string" ? { linkTarget } : {}),
    ...(typeof digest === "string" && isDigest(digest) ? { digest } : {}),
  };
}
