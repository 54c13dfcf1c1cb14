import { chmodSync, closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { TarEntry } from "@cpm/archive";
import { compareTarPaths, formatTreeEntry } from "@cpm/archive";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { fileError, storeError, systemCode, withFileErrors } from "./errors.ts";
import { backgroundBytes, writeFully, writeInBackground } from "./files.ts";
import type { Hasher } from "./hash.ts";
import { createHasher, digestOf } from "./hash.ts";
import type { LayerSink } from "./read-layer.ts";

const openFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
export const fileMode = 0o444;
export const programMode = 0o555;

export interface TreeWriterOptions {
  /** Called with the size of each file that was written, or is about to be in the background. */
  readonly onFile?: (sizeBytes: number) => void;
  /**
   * Whether to keep the listing and the directories, for `finish` and `seal`: it takes a hash of every file and memory for
   * every entry. Default true. Without it another has to list and to seal what was written.
   */
  readonly listing?: boolean;
}

/**
 * Writes the entries of one or more archives into a fresh directory that nobody else uses, and keeps the listing
 * of what it wrote. Files are created, never opened; symlinks come last, so that nothing is ever written through
 * one. Modes are ours, not the archive's. Pieces must stay as they are until `settled` has resolved.
 */
export class TreeWriter implements LayerSink {
  readonly #root: string;
  readonly #onFile: (sizeBytes: number) => void;
  readonly #listing: boolean;
  /** Lines of the listing by path. */
  readonly #lines = new Map<string, string>();
  readonly #directories: string[] = [];
  readonly #links: TarEntry[] = [];
  readonly #exactModes = (process.umask() & programMode) !== 0;
  #file: number | undefined;
  #path = "";
  #sizeBytes = 0;
  #hasher: Hasher | undefined;
  #digest: Digest | undefined;
  /** Whether a piece of the current file is or was written in the background: then all that follow are. */
  #background = false;
  /** Writes in the background, one after another. */
  #tail: Promise<void> = Promise.resolve();
  /** Whether any of them was begun since `settled` was asked for. */
  #unsettled = false;

  constructor(root: string, { onFile = () => {}, listing = true }: TreeWriterOptions = {}) {
    this.#root = root;
    this.#onFile = onFile;
    this.#listing = listing;
  }

  entry(entry: TarEntry): void {
    // The reader has judged the path: a plain joint is what it says.
    const path = `${this.#root}/${entry.path}`;
    this.#path = path;
    if (entry.type === "file") {
      const mode = entry.executable ? programMode : fileMode;
      this.#file = withFileErrors("create", path, () => unlessThere(entry.path, () => openSync(path, openFlags, mode)));
      if (this.#exactModes) fchmodSync(this.#file, mode);
      this.#digest = undefined;
      this.#sizeBytes = entry.sizeBytes;
      return;
    }
    if (entry.type === "symlink") this.#links.push(entry);
    else this.#makeDirectory(entry.path, path);
    this.#list(entry);
  }

  data(chunk: Uint8Array): void {
    const file = this.#file;
    if (file === undefined) throw new TypeError("content without a file");
    if (this.#listing) this.#hash(chunk);
    const path = this.#path;
    if (this.#background || chunk.length >= backgroundBytes) {
      this.#background = true;
      this.#unsettled = true;
      this.#tail = this.#tail.then(() => writeInBackground(file, chunk, path));
      // A failure is thrown where it is awaited; until then it must not count as unhandled.
      this.#tail.catch(() => {});
    } else writeFully(file, chunk, path);
  }

  entryEnd(entry: TarEntry): void {
    if (this.#file === undefined) return;
    this.#close();
    this.#list(entry);
    this.#onFile(entry.sizeBytes);
  }

  settled(): Promise<void> | undefined {
    if (!this.#unsettled) return undefined;
    this.#unsettled = false;
    return this.#tail;
  }

  /**
   * Makes the symlinks, and gives the canonical listing where one is kept. Only after every archive has been read to its
   * end.
   */
  async finish(): Promise<Uint8Array> {
    await this.#tail;
    for (const { path, linkTarget = "" } of this.#links) {
      const place = join(this.#root, path);
      withFileErrors("create", place, () => unlessThere(path, () => symlinkSync(linkTarget, place)));
    }
    return this.#listing ? formatListing(this.#lines) : new Uint8Array(0);
  }

  /** Takes the right to write from every directory, the deepest first. Only for a writer that keeps them. */
  seal(): void {
    for (const path of this.#directories.toReversed())
      withFileErrors("protect", path, () => chmodSync(path, programMode));
    withFileErrors("protect", this.#root, () => chmodSync(this.#root, programMode));
  }

  /** Gives up an open file after a failure, once nothing is written to it any more. */
  async abandon(): Promise<void> {
    if (this.#file !== undefined) this.#close();
    await Promise.allSettled([this.#tail]);
  }

  #hash(chunk: Uint8Array): void {
    if (chunk.length === this.#sizeBytes) this.#digest = digestOf(chunk);
    else (this.#hasher ??= createHasher()).update(chunk);
  }

  /** Several layers may hold the same directory. */
  #makeDirectory(path: string, place: string): void {
    try {
      mkdirSync(place, 0o755);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw fileError(error, "create", place);
      if (!lstatSync(place).isDirectory()) throw collision(path);
      return;
    }
    if (this.#listing) this.#directories.push(place);
  }

  /** A file once it has been hashed. */
  #list({ path, type, executable, sizeBytes, linkTarget }: TarEntry): void {
    if (!this.#listing) return;
    const link = linkTarget === undefined ? {} : { linkTarget };
    const digest = type === "file" ? { digest: this.#digest ?? (this.#hasher ?? createHasher()).digest() } : {};
    this.#hasher = undefined;
    this.#lines.set(path, formatTreeEntry({ path, type, executable, sizeBytes, ...link, ...digest }));
  }

  #close(): void {
    const file = this.#file;
    if (file === undefined) return;
    const path = this.#path;
    const close = () => withFileErrors("close", path, () => closeSync(file));
    this.#file = undefined;
    if (!this.#background) {
      close();
      return;
    }
    this.#background = false;
    this.#tail = this.#tail.finally(close);
    this.#tail.catch(() => {});
  }
}

/** What is there in a fresh directory is of another layer. */
function unlessThere<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw collision(path);
    throw error;
  }
}

function collision(path: string) {
  return storeError("layer/collision", `two layers hold ${path}`);
}

/** The canonical listing of a tree from its lines by path. */
function formatListing(lines: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  const paths = [...lines.keys()].sort(compareTarPaths);
  return encodeUtf8(`[${paths.map((path) => lines.get(path) ?? "").join(",")}]`);
}

/** The address of the tree that several layers together unpack to. */
export function treeDigest(layers: readonly ReadonlyMap<string, string>[]): Digest {
  const lines = new Map<string, string>();
  for (const layer of layers) {
    for (const [path, line] of layer) {
      const known = lines.get(path);
      if (known !== undefined && !(known === line && line.includes('"type":"directory"'))) {
        throw collision(path);
      }
      lines.set(path, line);
    }
  }
  return digestOf(formatListing(lines));
}
