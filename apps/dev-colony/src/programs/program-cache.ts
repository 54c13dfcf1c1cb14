import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { waitForLock } from "@cpm/store";

/** A cold build on a busy machine of two cores has taken a fifth of this. */
const buildTimeoutMs = 15 * 60_000;

/**
 * The path in the cache, made by `make` on first use: it is given an empty folder beside it and answers what of that
 * folder is to stand at the path. Several processes may ask at once; a process that dies leaves nothing at the path.
 */
export async function ensureCached(path: string, make: (folder: string) => Promise<string>): Promise<string> {
  if (existsSync(path)) return path;
  const cache = dirname(path);
  mkdirSync(cache, { recursive: true });
  const lock = await waitForLock(`${path}.lock`, buildTimeoutMs);
  try {
    if (existsSync(path)) return path;
    const folder = mkdtempSync(join(cache, "build-"));
    try {
      renameSync(await make(folder), path);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return path;
  } finally {
    lock.release();
  }
}
