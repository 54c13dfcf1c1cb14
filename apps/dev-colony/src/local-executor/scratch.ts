import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringifyJson } from "@cpm/base";
import type { JsonValue } from "@cpm/base";

/** The folders and files of one job, in the system's folder for temporary files. */
export interface Scratch {
  /** Empty at first: where the program starts, and its HOME and TMPDIR. */
  readonly workDirectory: string;
  readonly inputPath: string;
  readonly outputPath: string;
  remove(): void;
}

export function createScratch(input: readonly JsonValue[]): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "cpm-job-"));
  const workDirectory = join(folder, "work");
  mkdirSync(workDirectory);
  const inputPath = join(folder, "input.json");
  writeFileSync(inputPath, stringifyJson(input));
  return {
    workDirectory,
    inputPath,
    outputPath: join(folder, "output.jsonl"),
    remove: () => removeTree(folder),
  };
}

/** A program may have left folders that even their owner may not enter. */
function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    spawnSync("chmod", ["-R", "u+rwX", folder], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  }
}
