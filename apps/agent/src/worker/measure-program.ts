import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { createHasher, failpoint, measureTree, SharedFiles, withFileErrors, writeFully } from "@cpm/store";
import { createReporter, say } from "./messages.ts";
import { runConfinedProgram } from "./program.ts";

/** A staging directory in which `root` is whole, and in which `tree.json` is to be written. */
export interface MeasureRequest {
  readonly staging: string;
  readonly maxEntries: number;
  /** The packages directory with whose trees it is to share equal files. Undefined: with none. */
  readonly shareIn: string | undefined;
  /** What the listing has to be for that. */
  readonly tree: Digest;
}

const flushLength = 256 * 1024;

/**
 * Lists what the worker left, from the files alone, and lets it share the files that the node has already if that is the
 * tree that was asked for. It never sees an archive, so a worker that an archive took over cannot take it over as well.
 */
export function measureProgram(): Promise<number> {
  return runConfinedProgram({ finishTree: true }, async (request) => {
    const { staging, maxEntries, shareIn, tree } = request as MeasureRequest;
    const onProgress = createReporter();
    const measured = writeListing(staging, maxEntries, onProgress);
    failpoint("worker/measured");
    if (shareIn === undefined || measured !== tree) return;
    const { sizeBytes } = new SharedFiles(shareIn).share(staging, onProgress);
    say({ type: "shared", sizeBytes });
  });
}

/** Writes `tree.json` and answers its digest. */
function writeListing(staging: string, maxEntries: number, onProgress: (addedBytes: number) => void): Digest {
  const path = join(staging, "tree.json");
  const file = withFileErrors("create", path, () => openSync(path, "wx", 0o444));
  try {
    const hasher = createHasher();
    let pending = "";
    const flush = (): void => {
      const bytes = Buffer.from(pending);
      hasher.update(bytes);
      writeFully(file, bytes, path);
      pending = "";
    };
    const write = (text: string): void => {
      pending += text;
      if (pending.length >= flushLength) flush();
    };
    measureTree(join(staging, "root"), { maxEntries, onProgress, write });
    flush();
    return hasher.digest();
  } finally {
    closeSync(file);
  }
}
