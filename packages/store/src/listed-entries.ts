import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import type { TreeEntry } from "@cpm/archive";
import { readTreeEntries } from "@cpm/archive";
import { withFileErrors } from "./errors.ts";
import { readOpenFile } from "./files.ts";
import { TimeSlice } from "./time-slice.ts";

/** The entries of a tree by its listing, which was checked before; in memory that does not grow with the tree. */
export function* readListedEntries(folder: string): Generator<TreeEntry> {
  const path = join(folder, "tree.json");
  const file = withFileErrors("open", path, () => openSync(path, "r"));
  try {
    yield* readTreeEntries(textOf(readOpenFile(file, fstatSync(file).size, path)));
  } finally {
    closeSync(file);
  }
}

/** The same in a process that serves: others have their turn in between. */
export async function* listedEntries(folder: string): AsyncGenerator<TreeEntry> {
  const slice = new TimeSlice();
  for (const entry of readListedEntries(folder)) {
    yield entry;
    if (slice.isOver) await slice.next();
  }
}

/** The text of a file that comes in pieces. */
function* textOf(pieces: Iterable<Uint8Array>): Generator<string> {
  const decoder = new TextDecoder();
  for (const piece of pieces) yield decoder.decode(piece, { stream: true });
}
