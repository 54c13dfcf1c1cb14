import { chmodSync, closeSync, constants, fchmodSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { TarEntry, TarSink } from "@cpm/archive";
import { compareTarPaths, formatTreeEntry } from "@cpm/archive";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { storeError, withFileErrors } from "./errors.ts";
import { writeFully } from "./files.ts";
import type { Hasher } from "./hash.ts";
import { createHasher, digestOf } from "./hash.ts";

const openFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
const fileMode = 0o444;
const programMode = 0o555;

/**
 * Writes the entries of one or more archives into a fresh directory that nobody else uses, and keeps the listing
 * of what it wrote. Files are created, never opened; symlinks come last, so that nothing is ever written through
 * one. Modes are ours, not the archive's.
 */
export class TreeWriter implements TarSink {
  readonly #root: string;
  readonly #lines = new Map<string, string>();
  readonly #directories: string[] = [];
  readonly #links: TarEntry[] = [];
  readonly #exactModes = (process.umask() & programMode) !== 0;
  #file: number | undefined;
  #path = "";
  #hasher: Hasher | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  entry(entry: TarEntry): void {
    const known = this.#lines.get(entry.path);
    if (known !== undefined && !(entry.type === "directory" && known === formatTreeEntry(entry))) {
      throw storeError("layer/collision", `two layers hold ${entry.path}`);
    }
    this.#path = join(this.#root, entry.path);
    if (entry.type === "file") {
      this.#file = withFileErrors("create", this.#path, () =>
        openSync(this.#path, openFlags, entry.executable ? programMode : fileMode),
      );
      if (this.#exactModes) fchmodSync(this.#file, entry.executable ? programMode : fileMode);
      this.#hasher = createHasher();
      return;
    }
    if (entry.type === "symlink") this.#links.push(entry);
    else if (known === undefined) {
      withFileErrors("create", this.#path, () => mkdirSync(this.#path, 0o755));
      this.#directories.push(this.#path);
    }
    this.#lines.set(entry.path, formatTreeEntry(entry));
  }

  data(chunk: Uint8Array): void {
    if (this.#file === undefined) throw new TypeError("content without a file");
    this.#hasher?.update(chunk);
    writeFully(this.#file, chunk, this.#path);
  }

  entryEnd(entry: TarEntry): void {
    if (this.#file === undefined) return;
    this.#close();
    const digest = this.#hasher?.digest();
    this.#hasher = undefined;
    this.#lines.set(entry.path, formatTreeEntry({ ...entry, ...(digest === undefined ? {} : { digest }) }));
  }

  /** Makes the symlinks. Only after every archive has been read to its end. */
  finish(): { readonly listing: Uint8Array; readonly digest: Digest } {
    for (const { path, linkTarget = "" } of this.#links) {
      const place = join(this.#root, path);
      withFileErrors("create", place, () => symlinkSync(linkTarget, place));
    }
    const listing = formatListing(this.#lines);
    return { listing, digest: digestOf(listing) };
  }

  /** Takes the right to write from every directory, the deepest first. */
  seal(): void {
    for (const path of this.#directories.toReversed())
      withFileErrors("protect", path, () => chmodSync(path, programMode));
    withFileErrors("protect", this.#root, () => chmodSync(this.#root, programMode));
  }

  /** Gives up an open file after a failure. */
  abandon(): void {
    if (this.#file !== undefined) this.#close();
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    withFileErrors("close", this.#path, () => closeSync(file));
  }
}

/** The canonical listing of a tree from its lines by path. */
export function formatListing(lines: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
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
        throw storeError("layer/collision", `two layers hold ${path}`);
      }
      lines.set(path, line);
    }
  }
  return digestOf(formatListing(lines));
}
