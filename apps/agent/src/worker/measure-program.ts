import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { failpoint, measureTree, withFileErrors } from "@cpm/store";
import { createReporter } from "./messages.ts";
import { runConfinedProgram } from "./program.ts";

/** A staging directory in which `root` is whole, and in which `tree.json` is to be written. */
export interface MeasureRequest {
  readonly staging: string;
  readonly maxEntries: number;
}

/**
 * Lists what the worker left, from the files alone. It never sees an archive, so a worker that an archive took over
 * cannot take it over as well.
 */
export function measureProgram(): Promise<number> {
  return runConfinedProgram({ changeModes: true }, async (request) => {
    const { staging, maxEntries } = request as MeasureRequest;
    const listing = measureTree(join(staging, "root"), { maxEntries, onProgress: createReporter() });
    failpoint("worker/measured");
    const path = join(staging, "tree.json");
    withFileErrors("write", path, () => writeFileSync(path, listing, { flag: "wx", mode: 0o444 }));
  });
}
