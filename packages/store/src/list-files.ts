import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { isCpmError, printable } from "@cpm/base";
import { checkPath, compareTarPaths, defaultArchiveLimits } from "@cpm/archive";
import type { TarEntry } from "@cpm/archive";
import { storeError, withFileErrors } from "./errors.ts";

/** A file that is to be packed, with what it was when it was listed. */
export interface SourceEntry extends TarEntry {
  readonly source: string;
  readonly modifiedMs: number;
}

const owner = 0o100;

/**
 * The files under a directory that `include` chooses, with the directories that lead to them, in the order of
 * an archive. Modes count only as executable or not; owners, times and the order of the directory do not count.
 * Throws `pack/unsupported-file` for what a package cannot hold: sockets, devices, links out of the tree, names
 * that are not portable.
 */
export function listFiles(root: string, include: (path: string) => boolean): SourceEntry[] {
  const files: SourceEntry[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const absolute = join(root, folder);
    for (const name of withFileErrors("list", absolute, () => readdirSync(absolute, { encoding: "buffer" }))) {
      const path = folder === "" ? decodeName(name, absolute) : `${folder}/${decodeName(name, absolute)}`;
      const source = join(root, path);
      if (withFileErrors("read", source, () => lstatSync(source)).isDirectory()) pending.push(path);
      // Only what is wanted must be what a package can hold: tools keep sockets and pipes beside their files.
      else if (include(path)) files.push(checked(describe(source, path)));
    }
  }
  return withParents(root, files).sort((left, right) => compareTarPaths(left.path, right.path));
}

/** One file by its path, for what is named and not searched. */
export function describeFile(root: string, path: string): SourceEntry {
  return checked(describe(join(root, path), path));
}

/** Adds the directories that files lie in: an archive names every directory. */
export function withParents(root: string, files: readonly SourceEntry[]): SourceEntry[] {
  const directories = new Map<string, SourceEntry>();
  for (const { path } of files) {
    for (let slash = path.lastIndexOf("/"); slash !== -1; slash = path.lastIndexOf("/", slash - 1)) {
      const parent = path.slice(0, slash);
      if (directories.has(parent)) break;
      directories.set(parent, {
        path: parent,
        type: "directory",
        executable: false,
        sizeBytes: 0,
        source: join(root, parent),
        modifiedMs: 0,
      });
    }
  }
  return [...directories.values(), ...files];
}

function decodeName(name: Buffer, folder: string): string {
  const text = name.toString("utf8");
  if (Buffer.from(text, "utf8").equals(name)) return text;
  throw storeError("pack/unsupported-file", `${printable(folder)} holds a name that is not UTF-8: ${printable(text)}`);
}

function describe(source: string, path: string): SourceEntry {
  const stat = withFileErrors("read", source, () => lstatSync(source));
  const common = { path, source, modifiedMs: stat.mtimeMs, executable: false, sizeBytes: 0 };
  if (stat.isDirectory()) return { ...common, type: "directory" };
  if (stat.isFile()) return { ...common, type: "file", sizeBytes: stat.size, executable: (stat.mode & owner) !== 0 };
  if (stat.isSymbolicLink())
    return { ...common, type: "symlink", linkTarget: withFileErrors("read", source, () => readlinkSync(source)) };
  throw storeError("pack/unsupported-file", `${printable(path)} is neither a file nor a directory nor a symlink`);
}

/** The archive's own rule for paths, told to the author as a fault of the file and not of an archive. */
function checked(entry: SourceEntry): SourceEntry {
  try {
    checkPath(entry.path, defaultArchiveLimits);
    return entry;
  } catch (error) {
    if (!isCpmError(error)) throw error;
    throw storeError("pack/unsupported-file", error.message, {
      hint: "Rename the file so that every system can store it, or leave it out with `exclude`.",
      cause: error,
    });
  }
}
