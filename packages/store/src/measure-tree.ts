import { chmodSync, closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import type { TreeEntry } from "@cpm/archive";
import { checkLinks, checkLinkTarget, checkPath, defaultArchiveLimits, formatTreeEntry } from "@cpm/archive";
import { printable } from "@cpm/base";
import { storeError, withFileErrors } from "./errors.ts";
import { readOpenFile } from "./files.ts";
import { createHasher } from "./hash.ts";
import { fileMode, formatListing, programMode } from "./tree-writer.ts";

export interface MeasureTreeOptions {
  /** More than so many entries are refused. */
  readonly maxEntries: number;
  readonly onProgress?: (addedBytes: number) => void;
}

const allModeBits = 0o7777;

/**
 * The canonical listing of what really lies under a directory, from nothing but the files: whoever wrote them is not
 * believed. Takes the right to write from every directory on the way. Throws `node/tree-unfit` for what no unpacked
 * package holds (other modes, hard links, devices, names of no form), and `archive/…` for paths and symlinks that the
 * strict reader would not have let through. Synchronous: for a process that has nothing else to do.
 */
export function measureTree(root: string, options: MeasureTreeOptions): Uint8Array {
  const tree = new MeasuredTree(root, options);
  tree.addDirectory("");
  tree.check();
  return formatListing(tree.lines);
}

class MeasuredTree {
  readonly lines = new Map<string, string>();
  readonly #root: string;
  readonly #options: MeasureTreeOptions;
  readonly #directories = new Set<string>();
  readonly #links = new Map<string, string>();

  constructor(root: string, options: MeasureTreeOptions) {
    this.#root = root;
    this.#options = options;
  }

  addDirectory(path: string): void {
    const place = this.#place(path);
    withFileErrors("protect", place, () => chmodSync(place, programMode));
    for (const bytes of withFileErrors("list", place, () => readdirSync(place, { encoding: "buffer" }))) {
      const name = bytes.toString("utf8");
      if (!Buffer.from(name, "utf8").equals(bytes)) throw unfit(path, "holds a name that is not UTF-8");
      this.#add(path === "" ? name : `${path}/${name}`);
    }
  }

  /** Checks what only the whole tree can tell. */
  check(): void {
    const isDirectory = (path: string) => this.#directories.has(path);
    checkLinks({ links: this.#links, isDirectory, holds: (path) => this.lines.has(path) });
  }

  #add(path: string): void {
    if (this.lines.size >= this.#options.maxEntries) {
      throw unfit(path, `is one of more than the ${this.#options.maxEntries} entries that are declared`);
    }
    checkPath(path, defaultArchiveLimits);
    const entry = this.#describe(path);
    this.lines.set(path, formatTreeEntry(entry));
    if (entry.type === "directory") {
      this.#directories.add(path);
      this.addDirectory(path);
    }
  }

  #describe(path: string): TreeEntry {
    const place = this.#place(path);
    const stat = withFileErrors("read", place, () => lstatSync(place));
    if (stat.isDirectory()) return { path, type: "directory", executable: false, sizeBytes: 0 };
    if (stat.isFile()) return this.#describeFile(path, place);
    if (!stat.isSymbolicLink()) throw unfit(path, "is neither a file nor a directory nor a symlink");
    const linkTarget = withFileErrors("read", place, () => readlinkSync(place));
    checkLinkTarget(linkTarget, path, defaultArchiveLimits);
    this.#links.set(path, linkTarget);
    return { path, type: "symlink", executable: false, sizeBytes: 0, linkTarget };
  }

  #describeFile(path: string, place: string): TreeEntry {
    const file = withFileErrors("open", place, () => openSync(place, "r"));
    try {
      const stat = withFileErrors("read", place, () => fstatSync(file));
      const executable = isProgram(stat, path);
      const hasher = createHasher();
      for (const piece of readOpenFile(file, stat.size, place)) {
        hasher.update(piece);
        this.#options.onProgress?.(piece.length);
      }
      return { path, type: "file", executable, sizeBytes: stat.size, digest: hasher.digest() };
    } finally {
      closeSync(file);
    }
  }

  #place(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
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
