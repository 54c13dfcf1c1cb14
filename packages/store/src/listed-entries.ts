import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import { readTreeEntries } from "@cpm/archive";
import { withFileErrors } from "./errors.ts";
import { readOpenFile } from "./files.ts";
import { TimeSlice } from "./time-slice.ts";
import { textOf } from "./verify-tree.ts";

/**
 * The entries of a tree by its listing, which was checked when the tree was made. Others have their turn in between;
 * in memory that does not grow with the tree.
 */
export async function* listedEntries(folder: string): AsyncGenerator<TreeEntry> {
  const path = join(folder, "tree.json");
  const file = withFileErrors("open", path, () => openSync(path, "r"));
  const slice = new TimeSlice();
  try {
    for (const entry of readTreeEntries(textOf(readOpenFile(file, fstatSync(file).size, path)))) {
      yield entry;
      if (slice.isOver) await slice.next();
    }
  } finally {
    closeSync(file);
  }
}
