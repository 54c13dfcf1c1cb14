import { linkSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import { digestAlgorithm, digestHex, isCpmError } from "@cpm/base";
import { makeDirectory } from "./blob-directory.ts";
import { systemCode, withFileErrors } from "./errors.ts";
import { removeFile } from "./files.ts";
import { listedEntries } from "./listed-entries.ts";
import { ShareTree } from "./share-tree.ts";
import type { SharedBytes } from "./share-tree.ts";
import { TimeSlice } from "./time-slice.ts";

/** A smaller file takes no more than a block, which is less than it costs to find it again. */
export const leastSharedBytes: number = 4096;

export interface SharedFilesOptions {
  /** Gives a file a second name, as link(2) does; tests put another in its place. */
  readonly link?: (existing: string, name: string) => void;
}

/**
 * Lets trees share the bytes of equal files: of one digest, size and mode. Each such file has a second name in
 *
 *     objects/sha256/<2 hex>/<hex>      what cannot be run
 *     objects/sha256/<2 hex>/<hex>-x    what can be run
 *
 * by which the next tree finds it. These names are only hints: a file is read through its hash before a tree takes it,
 * so they need not be durable, may be removed at any time and by any process, and may lead to what is damaged. A tree is
 * whole without them. Files of less than `leastSharedBytes` are left alone.
 */
export class SharedFiles {
  /** The directory of these names. */
  readonly folder: string;
  readonly #link: (existing: string, name: string) => void;

  constructor(root: string, { link = linkSync }: SharedFilesOptions = {}) {
    this.folder = join(root, "objects");
    this.#link = link;
  }

  /**
   * Puts files that are here already in the place of equal ones in a tree that nobody uses yet, and keeps the others to
   * be found. What cannot be shared keeps its own bytes. For a tree whose listing was checked, before it is synced.
   * Synchronous, as the reading of the tree is that comes before.
   */
  share(staging: string, onProgress: (addedBytes: number) => void = () => {}): SharedBytes {
    return new ShareTree({
      staging,
      link: this.#link,
      objectOf: (entry) => this.#objectOf(entry),
      onProgress,
    }).run();
  }

  /**
   * Bytes of the files of a tree that other trees have too: to remove this tree does not free them. At least those.
   * Undefined where its listing is damaged.
   */
  async bytesElsewhere(folder: string): Promise<number | undefined> {
    try {
      let sizeBytes = 0;
      for await (const entry of listedEntries(folder)) {
        if (!isShareable(entry)) continue;
        const stat = statOf(join(folder, "root", entry.path));
        if (stat !== undefined && this.#namesInTrees(entry, stat) > 1) sizeBytes += entry.sizeBytes;
      }
      return sizeBytes;
    } catch (error) {
      if (isCpmError(error)) return undefined;
      throw error;
    }
  }

  /** Removes the files that no tree has any more. Returns their bytes. */
  async sweep(): Promise<number> {
    const slice = new TimeSlice();
    let freedBytes = 0;
    for (const folder of this.#folders()) {
      for (const name of withFileErrors("list", folder, () => readdirSync(folder))) {
        const path = join(folder, name);
        const stat = statOf(path);
        // Another process may be about to take it: then its tree has the file and only this name is gone.
        if (stat?.nlink === 1 && removeFile(path)) freedBytes += stat.size;
        if (slice.isOver) await slice.next();
      }
    }
    return freedBytes;
  }

  #namesInTrees(entry: TreeEntry, { nlink, ino }: Stats): number {
    if (nlink === 1) return 1;
    return statOf(this.#objectOf(entry) ?? "")?.ino === ino ? nlink - 1 : nlink;
  }

  #folders(): readonly string[] {
    const root = join(this.folder, "sha256");
    if (statOf(root) === undefined) return [];
    return withFileErrors("list", root, () => readdirSync(root)).map((name) => join(root, name));
  }

  /** The name by which a file is found. Undefined for what is not shared. */
  #objectOf(entry: TreeEntry): string | undefined {
    if (!isShareable(entry) || entry.digest === undefined) return undefined;
    const hex = digestHex(entry.digest);
    return join(this.folder, digestAlgorithm(entry.digest), hex.slice(0, 2), entry.executable ? `${hex}-x` : hex);
  }
}

function isShareable({ type, sizeBytes }: TreeEntry): boolean {
  return type === "file" && sizeBytes >= leastSharedBytes;
}

/** Undefined where there is nothing of that name. */
function statOf(path: string): Stats | undefined {
  return withFileErrors("read", path, () => lstatSync(path, { throwIfNoEntry: false }));
}

/** Whether files of a packages directory can have a second name; tried there, since no list of file systems says it. */
export function canShareFiles(root: string): boolean {
  const folder = join(root, "staging");
  const file = join(folder, `.link-${crypto.randomUUID()}`);
  makeDirectory(folder);
  withFileErrors("create", file, () => writeFileSync(file, ""));
  try {
    linkSync(file, `${file}-2`);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  } finally {
    removeFile(`${file}-2`);
    removeFile(file);
  }
}
