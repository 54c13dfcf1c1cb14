import { lstatSync } from "node:fs";
import { chmod, mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import { checkPath, defaultArchiveLimits } from "@cpm/archive";
import type { CancelSignal, Digest } from "@cpm/base";
import { digestAlgorithm, isCpmError } from "@cpm/base";
import { fileError, systemCode, withFileErrors } from "./errors.ts";
import { failpoint } from "./failpoint.ts";
import { readFileBytes } from "./files.ts";
import { freeBytes } from "./free-bytes.ts";
import { createHasher } from "./hash.ts";
import { listedEntries } from "./listed-entries.ts";
import { TimeSlice } from "./time-slice.ts";
import { fileMode, programMode } from "./tree-writer.ts";

/** What a tree has in common with others. */
export interface SharedBytes {
  readonly files: number;
  readonly sizeBytes: number;
}

export interface ShareTreeParts {
  /** With the tree in `root` and its checked listing in `tree.json`. */
  readonly staging: string;
  readonly link: (existing: string, name: string) => Promise<void>;
  /** The name by which the file of an entry is found. Undefined for what is not shared. */
  readonly objectOf: (entry: TreeEntry) => string | undefined;
  readonly signal?: CancelSignal | undefined;
}

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

/** Goes through a tree once. A name in it leads to a whole file at every instant: to its own, or to one that was read. */
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

  async run(): Promise<SharedBytes> {
    const { staging, objectOf, signal } = this.#parts;
    for await (const entry of listedEntries(staging)) {
      signal?.throwIfAborted();
      const object = objectOf(entry);
      if (object !== undefined) await this.#share(entry, object);
    }
    await this.#protect();
    return { files: this.#files, sizeBytes: this.#sizeBytes };
  }

  async #share(entry: TreeEntry, object: string): Promise<void> {
    // What stands in a listing was measured by another process: it leads nowhere else here, whatever that one was made to say.
    checkPath(entry.path, defaultArchiveLimits);
    const place = join(this.#parts.staging, "root", entry.path);
    const isTaken = (await isWhole(object, entry)) && (await this.#take(object, place));
    // The one that was just made is the one to be found from now on.
    if (!isTaken) return this.#keep(place, object);
    this.#files++;
    this.#sizeBytes += entry.sizeBytes;
    failpoint("share/file-taken");
  }

  /** Puts the file that is here in the place of the tree's own, in one step. False where the tree keeps its own. */
  async #take(object: string, place: string): Promise<boolean> {
    if (!(await this.#link(object, this.#draft))) return false;
    await this.#open(dirname(place));
    await changing("replace", place, rename(this.#draft, place));
    return true;
  }

  /** Lets others find a file of this tree, in the place of a damaged one or of one that can have no more names. */
  async #keep(place: string, object: string): Promise<void> {
    await this.#makeFolder(dirname(object));
    if (!(await this.#link(place, object))) {
      if (!(await this.#link(place, this.#draft))) return;
      await changing("replace", object, rename(this.#draft, object));
    }
    failpoint("share/file-kept");
  }

  /** Of the 256 that there may be. They need not be durable: nothing is lost with them. */
  async #makeFolder(folder: string): Promise<void> {
    if (this.#made.has(folder)) return;
    await changing("create", folder, mkdir(folder, { recursive: true, mode: 0o700 }));
    this.#made.add(folder);
  }

  async #link(existing: string, name: string): Promise<boolean> {
    try {
      await this.#parts.link(existing, name);
      return true;
    } catch (error) {
      if (unlinkable.has(systemCode(error) ?? "")) return false;
      throw fileError(error, "link", existing);
    }
  }

  /** Directories of a tree are read-only once it was unpacked. */
  async #open(folder: string): Promise<void> {
    if (folder === this.#writable) return;
    await this.#protect();
    await changing("open", folder, chmod(folder, 0o755));
    this.#writable = folder;
  }

  async #protect(): Promise<void> {
    const folder = this.#writable;
    if (folder !== undefined) await changing("protect", folder, chmod(folder, programMode));
    this.#writable = undefined;
  }
}

/** What changes a directory waits for its file system's journal, which may take long: so it is done on another thread. */
async function changing(doing: string, path: string, change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    throw fileError(error, doing, path);
  }
}

/** Whether the file that is here is what an entry says: its mode, its size and, read anew, its content. */
async function isWhole(object: string, { executable, sizeBytes, digest }: TreeEntry): Promise<boolean> {
  const stat = withFileErrors("read", object, () => lstatSync(object, { throwIfNoEntry: false }));
  if (stat === undefined || digest === undefined || !stat.isFile() || stat.size !== sizeBytes) return false;
  if ((stat.mode & allModeBits) !== (executable ? programMode : fileMode)) return false;
  try {
    return (await digestOfFile(object, sizeBytes, digest)) === digest;
  } catch (error) {
    // What cannot be read is damaged, and what another removed is not here.
    if (isCpmError(error, "store/io")) return false;
    throw error;
  }
}

async function digestOfFile(path: string, sizeBytes: number, as: Digest): Promise<Digest> {
  const hasher = createHasher(digestAlgorithm(as));
  const slice = new TimeSlice();
  for await (const piece of readFileBytes(path, 0, sizeBytes)) {
    hasher.update(piece);
    freeBytes(piece);
    if (slice.isOver) await slice.next();
  }
  return hasher.digest();
}
