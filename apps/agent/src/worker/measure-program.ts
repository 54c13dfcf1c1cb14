import { openSync } from "node:fs";
import { join } from "node:path";
import { failpoint, measureTree, withFileErrors, writeFully } from "@cpm/store";
import { createReporter } from "./messages.ts";
import { runConfinedProgram } from "./program.ts";

/** A staging directory in which `root` is whole, and in which `tree.json` is to be written. */
export interface MeasureRequest {
  readonly staging: string;
  readonly maxEntries: number;
}

const flushLength = 256 * 1024;

/**
 * Lists what the worker left, from the files alone. It never sees an archive, so a worker that an archive took over
 * cannot take it over as well.
 */
export function measureProgram(): Promise<number> {
  return runConfinedProgram({ changeModes: true }, async (request) => {
    const { staging, maxEntries } = request as MeasureRequest;
    const path = join(staging, "tree.json");
    const file = withFileErrors("create", path, () => openSync(path, "wx", 0o444));
    let pending = "";
    const flush = (): void => {
      writeFully(file, Buffer.from(pending), path);
      pending = "";
    };
    const write = (text: string): void => {
      pending += text;
      if (pending.length >= flushLength) flush();
    };
    measureTree(join(staging, "root"), { maxEntries, onProgress: createReporter(), write });
    flush();
    failpoint("worker/measured");
  });
}
