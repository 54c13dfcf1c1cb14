import type { Digest } from "@cpm/base";
import { isBlobIntact, verifyTree } from "@cpm/store";
import { createReporter, say } from "./messages.ts";
import { runConfinedProgram } from "./program.ts";

/** What is to be read again: a tree with its listing, or a blob. */
export interface VerifyProgramRequest {
  readonly tree?: { readonly folder: string; readonly digest: Digest };
  readonly blob?: { readonly path: string; readonly digest: Digest };
  /** At most so much a second. Undefined: as fast as the disk is. */
  readonly bytesPerSecond?: number | undefined;
}

/** All are counted, and so many told. */
const maxDamagedPaths = 1000;
const leastPauseMs = 20;

/** Reads a tree or a blob again and tells what of it is damaged; it can read nothing else, and write nothing. */
export function verifyProgram(): Promise<number> {
  return runConfinedProgram({ finishTree: false }, async (request) => {
    const { tree, blob, bytesPerSecond } = request as VerifyProgramRequest;
    const report = createReporter();
    const pace = bytesPerSecond === undefined ? () => {} : createPace(bytesPerSecond);
    const onProgress = (addedBytes: number): void => {
      report(addedBytes);
      pace(addedBytes);
    };
    let count = 0;
    const onDamaged = (path: string): void => {
      if (++count <= maxDamagedPaths) say({ type: "damaged", path });
    };
    if (tree !== undefined) verifyTree(tree.folder, tree.digest, { onProgress, onDamaged });
    if (blob !== undefined && !isBlobIntact(blob.path, blob.digest, { onProgress })) onDamaged(blob.path);
    say({ type: "damage", count });
  });
}

/** Sleeps as much as it takes not to be faster than that. There is nothing else to do in this process. */
function createPace(bytesPerSecond: number): (addedBytes: number) => void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const startedAtMs = performance.now();
  let doneBytes = 0;
  return (addedBytes) => {
    doneBytes += addedBytes;
    const aheadMs = startedAtMs + (doneBytes / bytesPerSecond) * 1000 - performance.now();
    if (aheadMs >= leastPauseMs) Atomics.wait(sleeper, 0, 0, aheadMs);
  };
}
