import { chmodSync, closeSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import type { TreeEntry } from "@cpm/archive";
import {
  checkLinks,
  checkLinkTarget,
  checkPath,
  compareTarPaths,
  defaultArchiveLimits,
  formatTreeEntry,
} from "@cpm/archive";
import { printable } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { storeError, systemCode, withFileErrors } from "./errors.ts";
import { readChunkBytes, readOpenFile } from "./files.ts";
import { createHasher, digestOf } from "./hash.ts";
import type { Hasher } from "./hash.ts";
import { fileMode, programMode } from "./tree-writer.ts";

export interface MeasureTreeOptions {
  /** More than so many entries are refused. */
  readonly maxEntries: number;
  readonly onProgress?: (addedBytes: number) => void;
  /** Takes the canonical listing, in pieces. It counts only when the function has returned. */
  readonly write: (text: string) => void;
}

const allModeBits = 0o7777;

/**
 * The canonical listing of what really lies under a directory, from nothing but the files: whoever wrote them is not
 * believed. Takes the right to write from every directory on the way. Throws `node/tree-unfit` for what no unpacked
 * package holds (other modes, hard links, devices, names of no form), and `archive/…` for paths and symlinks that the
 * strict reader would not have let through. Synchronous, and in memory that does not grow with the tree, unless one
 * directory is large: for a process that has nothing else to do, while nobody else writes there.
 */
export function measureTree(root: string, options: MeasureTreeOptions): void {
  new MeasuredTree(root, options).measure();
}

class MeasuredTree {
  readonly #root: string;
  readonly #options: MeasureTreeOptions;
  readonly #links = new Map<string, string>();
  readonly #buffer = new Uint8Array(readChunkBytes);
  #entries = 0;

  constructor(root: string, options: MeasureTreeOptions) {
    this.#root = root;
    this.#options = options;
  }

  measure(): void {
    this.#options.write("[");
    this.#listDirectory("");
    this.#options.write("]");
    const isDirectory = (path: string) => this.#stat(path)?.isDirectory() === true;
    checkLinks({ links: this.#links, isDirectory, holds: (path) => this.#stat(path) !== undefined });
  }

  /** In byte order of whole paths: what lies in `a` comes after `a-b`, since `/` comes after `-`. */
  #listDirectory(folder: string): void {
    const place = this.#place(folder);
    withFileErrors("protect", place, () => chmodSync(place, programMode));
    const names = withFileErrors("list", place, () => readdirSync(place)).sort(compareTarPaths);
    const repeated = names.findIndex((name, index) => name === names[index - 1]);
    // Bytes that are no UTF-8 may look like a name that is.
    if (repeated !== -1) throw unfit(folder, "holds a name that is not UTF-8");
    // All of them begin the last name: of two, what lies in the later one comes first.
    const folders: string[] = [];
    const listBefore = (name: string | undefined): void => {
      for (let last = folders.at(-1); last !== undefined; last = folders.at(-1)) {
        if (name !== undefined && compareTarPaths(`${last}/`, name) > 0) return;
        folders.pop();
        this.#listDirectory(join(folder, last));
      }
    };
    for (const name of names) {
      listBefore(name);
      if (this.#add(join(folder, name)) === "directory") folders.push(name);
    }
    listBefore(undefined);
  }

  #add(path: string): TreeEntry["type"] {
    const { maxEntries, write } = this.#options;
    if (this.#entries >= maxEntries)
      throw unfit(path, `is one of more than the ${maxEntries} entries that are declared`);
    checkPath(path, defaultArchiveLimits);
    const entry = this.#describe(path);
    const line = formatTreeEntry(entry);
    write(this.#entries === 0 ? line : `,${line}`);
    this.#entries++;
    return entry.type;
  }

  #describe(path: string): TreeEntry {
    const stat = this.#stat(path);
    if (stat === undefined) throw unfit(path, "has a name that is not UTF-8");
    if (stat.isDirectory()) return { path, type: "directory", executable: false, sizeBytes: 0 };
    if (stat.isFile()) return this.#describeFile(path, stat);
    if (!stat.isSymbolicLink()) throw unfit(path, "is neither a file nor a directory nor a symlink");
    const place = this.#place(path);
    const linkTarget = withFileErrors("read", place, () => readlinkSync(place));
    checkLinkTarget(linkTarget, path, defaultArchiveLimits);
    this.#links.set(path, linkTarget);
    return { path, type: "symlink", executable: false, sizeBytes: 0, linkTarget };
  }

  #describeFile(path: string, stat: Stats): TreeEntry {
    const executable = isProgram(stat, path);
    const place = this.#place(path);
    const file = withFileErrors("open", place, () => openSync(place, "r"));
    try {
      return { path, type: "file", executable, sizeBytes: stat.size, digest: this.#digest(file, stat.size, place) };
    } finally {
      closeSync(file);
    }
  }

  /** What fits into one piece is hashed in one call. */
  #digest(file: number, sizeBytes: number, place: string): Digest {
    let hasher: Hasher | undefined;
    for (const piece of readOpenFile(file, sizeBytes, place, this.#buffer)) {
      this.#options.onProgress?.(piece.length);
      if (piece.length === sizeBytes) return digestOf(piece);
      (hasher ??= createHasher()).update(piece);
    }
    return (hasher ?? createHasher()).digest();
  }

  /** Undefined where there is nothing of that name. */
  #stat(path: string): Stats | undefined {
    const place = this.#place(path);
    try {
      return lstatSync(place);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw withFileErrors("read", place, () => {
        throw error;
      });
    }
  }

  #place(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
}

function join(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

function isProgram(stat: Stats, path: string): boolean {
  const mode = stat.mode & allModeBits;
  if (mode !== fileMode && mode !== programMode) throw unfit(path, `has the mode ${mode.toString(8)}`);
  if (stat.nlink !== 1) throw unfit(path, "has a second name");
  return mode === programMode;
}

function unfit(path: string, what: string) {
  return storeError("node/tree-unfit", `"${printable(path)}" ${what}`, { context: { path: printable(path) } });
}
