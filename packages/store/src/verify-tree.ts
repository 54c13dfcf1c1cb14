import { closeSync, fstatSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import type { Digest } from "@cpm/base";
import { digestAlgorithm, isCpmError } from "@cpm/base";
import { systemCode, withFileErrors } from "./errors.ts";
import { readOpenFile } from "./files.ts";
import { createHasher } from "./hash.ts";
import { readListedEntries } from "./listed-entries.ts";
import { fileMode, programMode } from "./tree-writer.ts";

export interface VerifyOptions {
  /** Told of bytes that were read, and of the cost of an entry besides its content. */
  readonly onProgress?: (addedBytes: number) => void;
}

export interface VerifyTreeOptions extends VerifyOptions {
  /** Called for each path in the tree that is not what the listing says; `../tree.json` is the listing itself. */
  readonly onDamaged: (path: string) => void;
}

/** What it takes to look at an entry, in bytes that could be read meanwhile. */
const entryBytes = 4096;
const allModeBits = 0o7777;

/**
 * Holds a published tree, which lies in `folder`, against its listing, and the listing against the address of the tree:
 * every byte, every mode, and that there is nothing else. What cannot be read is damaged. Changes nothing. Synchronous,
 * in memory that does not grow with the tree unless one directory is large: for a process that has nothing else to do.
 */
export function verifyTree(folder: string, tree: Digest, options: VerifyTreeOptions): void {
  const listing = join(folder, "tree.json");
  if (!isBlobIntact(listing, tree, options)) return options.onDamaged("../tree.json");
  const verification = new TreeVerification(join(folder, "root"), options);
  for (const entry of readListedEntries(folder)) verification.check(entry);
  verification.finish();
}

/** Whether a file holds the content that a digest names. One that is missing or cannot be read does not. */
export function isBlobIntact(path: string, digest: Digest, { onProgress = () => {} }: VerifyOptions = {}): boolean {
  return intact(() => {
    const file = withFileErrors("open", path, () => openSync(path, "r"));
    try {
      const hasher = createHasher(digestAlgorithm(digest));
      for (const piece of readOpenFile(file, fstatSync(file).size, path)) {
        hasher.update(piece);
        onProgress(piece.length);
      }
      return hasher.digest() === digest;
    } finally {
      closeSync(file);
    }
  });
}

/** A directory whose entries come one after the other, and the names in it that have not come. */
interface OpenDirectory {
  readonly path: string;
  readonly names: Set<string>;
}

/** Takes the entries in the order of the listing, in which all that lies in a directory comes together. */
class TreeVerification {
  readonly #root: string;
  readonly #options: VerifyTreeOptions;
  /** From the root down to where the last entry lies. */
  readonly #open: OpenDirectory[] = [];
  /** Directories of which no entry has come yet. */
  readonly #unopened = new Set<string>();

  constructor(root: string, options: VerifyTreeOptions) {
    this.#root = root;
    this.#options = options;
    if (!intact(() => isDirectory(lstatSync(root)))) options.onDamaged(".");
    this.#enter("");
  }

  check(entry: TreeEntry): void {
    const { path, type } = entry;
    this.#goTo(parentOf(path));
    this.#open.at(-1)?.names.delete(path.slice(path.lastIndexOf("/") + 1));
    if (type === "directory") this.#unopened.add(path);
    this.#options.onProgress?.(entryBytes);
    if (!intact(() => this.#holds(entry))) this.#options.onDamaged(path);
  }

  /** To be called after the last entry. */
  finish(): void {
    while (this.#open.length > 0) this.#leave();
    for (const path of this.#unopened) {
      this.#enter(path);
      this.#leave();
    }
  }

  #goTo(folder: string): void {
    while (!isWithin(folder, this.#open.at(-1)?.path ?? "")) this.#leave();
    if (this.#open.at(-1)?.path === folder) return;
    this.#goTo(parentOf(folder));
    this.#enter(folder);
  }

  #enter(path: string): void {
    this.#unopened.delete(path);
    // A directory that cannot be read is damaged, and so is everything in it: both are noticed entry by entry.
    const names = new Set<string>();
    intact(() => {
      for (const name of readdirSync(this.#place(path))) names.add(name);
      return true;
    });
    this.#open.push({ path, names });
  }

  /** What is left is what nobody listed. */
  #leave(): void {
    const { path, names } = this.#open.pop() ?? { path: "", names: [] };
    for (const name of names) this.#options.onDamaged(path === "" ? name : `${path}/${name}`);
  }

  #holds({ path, type, executable, sizeBytes, linkTarget, digest }: TreeEntry): boolean {
    const place = this.#place(path);
    const stat = lstatSync(place);
    if (type === "directory") return isDirectory(stat);
    if (type === "symlink") return stat.isSymbolicLink() && readlinkSync(place) === linkTarget;
    const mode = executable ? programMode : fileMode;
    if (!stat.isFile() || (stat.mode & allModeBits) !== mode || stat.size !== sizeBytes) return false;
    return digest !== undefined && isBlobIntact(place, digest, this.#options);
  }

  #place(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
}

function isDirectory(stat: Stats): boolean {
  return stat.isDirectory() && (stat.mode & allModeBits) === programMode;
}

function isWithin(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === "." ? "" : parent;
}

/** Of this process, which says nothing about the file. */
const ownTrouble = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

function intact(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    const code = systemCode(isCpmError(error) ? error.cause : error);
    if (code === undefined || ownTrouble.has(code)) throw error;
    return false;
  }
}
