import { chmodSync, lstatSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import { checkPath, defaultArchiveLimits } from "@cpm/archive";
import { fileError, systemCode, withFileErrors } from "./errors.ts";
import { failpoint } from "./failpoint.ts";
import { readListedEntries } from "./listed-entries.ts";
import { fileMode, programMode } from "./tree-writer.ts";
import { isBlobIntact } from "./verify-tree.ts";

/** What a tree has in common with others. */
export interface SharedBytes {
  readonly files: number;
  readonly sizeBytes: number;
}

export interface ShareTreeParts {
  /** With the tree in `root` and its checked listing in `tree.json`. */
  readonly staging: string;
  readonly link: (existing: string, name: string) => void;
  /** The name by which the file of an entry is found. Undefined for what is not shared. */
  readonly objectOf: (entry: TreeEntry) => string | undefined;
  /** Told of bytes that were read, and of the cost of a file besides its content. */
  readonly onProgress: (addedBytes: number) => void;
}

/** What it takes to give a file a name, in bytes that could be read meanwhile. */
const fileBytes = 4096;
const allModeBits = 0o7777;
/**
 * Why a file may have no second name: it has as many as it can, the file system knows none or is another, the kernel
 * does not allow it for another's file, or whoever else is at it was quicker. Then it keeps its own bytes.
 */
const unlinkable = new Set([
  "EMLINK",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EXDEV",
  "EPERM",
  "EACCES",
  "ENOENT",
  "EEXIST",
]);

/**
 * Goes through a tree once. A name in it leads to a whole file at every instant: to its own, or to one that was read.
 * Synchronous: for a process that has nothing else to do.
 */
export class ShareTree {
  readonly #parts: ShareTreeParts;
  /** Where a second name is made before it takes the place of another. */
  readonly #draft: string;
  /** The directory of the tree that may be written to now. */
  #writable: string | undefined;
  readonly #made = new Set<string>();
  #files = 0;
  #sizeBytes = 0;

  constructor(parts: ShareTreeParts) {
    this.#parts = parts;
    this.#draft = join(parts.staging, "shared");
  }

  run(): SharedBytes {
    const { staging, objectOf, onProgress } = this.#parts;
    for (const entry of readListedEntries(staging)) {
      const object = objectOf(entry);
      if (object === undefined) continue;
      this.#share(entry, object);
      onProgress(fileBytes);
    }
    this.#protect();
    return { files: this.#files, sizeBytes: this.#sizeBytes };
  }

  #share(entry: TreeEntry, object: string): void {
    // Who measured the tree is believed in what is equal, not in where it lies.
    checkPath(entry.path, defaultArchiveLimits);
    const place = join(this.#parts.staging, "root", entry.path);
    const isTaken = this.#isWhole(object, entry) && this.#take(object, place);
    // The one that was just made is the one to be found from now on.
    if (!isTaken) return this.#keep(place, object);
    this.#files++;
    this.#sizeBytes += entry.sizeBytes;
    failpoint("share/file-taken");
  }

  /** Whether the file that is here is what an entry says: its mode, its size and, read anew, its content. */
  #isWhole(object: string, { executable, sizeBytes, digest }: TreeEntry): boolean {
    const stat = withFileErrors("read", object, () => lstatSync(object, { throwIfNoEntry: false }));
    if (stat === undefined || digest === undefined || !stat.isFile() || stat.size !== sizeBytes) return false;
    if ((stat.mode & allModeBits) !== (executable ? programMode : fileMode)) return false;
    return isBlobIntact(object, digest, this.#parts);
  }

  /** Puts the file that is here in the place of the tree's own, in one step. False where the tree keeps its own. */
  #take(object: string, place: string): boolean {
    if (!this.#link(object, this.#draft)) return false;
    this.#open(dirname(place));
    withFileErrors("replace", place, () => renameSync(this.#draft, place));
    return true;
  }

  /** Lets others find a file of this tree, in the place of a damaged one or of one that can have no more names. */
  #keep(place: string, object: string): void {
    this.#makeFolder(dirname(object));
    if (!this.#link(place, object)) {
      if (!this.#link(place, this.#draft)) return;
      withFileErrors("replace", object, () => renameSync(this.#draft, object));
    }
    failpoint("share/file-kept");
  }

  /** Of the 256 that there may be. They need not be durable: nothing is lost with them. */
  #makeFolder(folder: string): void {
    if (this.#made.has(folder)) return;
    withFileErrors("create", folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
    this.#made.add(folder);
  }

  #link(existing: string, name: string): boolean {
    try {
      this.#parts.link(existing, name);
      return true;
    } catch (error) {
      if (unlinkable.has(systemCode(error) ?? "")) return false;
      throw fileError(error, "link", existing);
    }
  }

  /** Directories of a tree are read-only once it was unpacked. */
  #open(folder: string): void {
    if (folder === this.#writable) return;
    this.#protect();
    withFileErrors("open", folder, () => chmodSync(folder, 0o755));
    this.#writable = folder;
  }

  #protect(): void {
    const folder = this.#writable;
    if (folder !== undefined) withFileErrors("protect", folder, () => chmodSync(folder, programMode));
    this.#writable = undefined;
  }
}
