import { statfsSync } from "node:fs";

/** Of a file system, in bytes; `availableBytes` is what a user without rights may still take. */
export interface DiskUse {
  readonly usedBytes: number;
  readonly availableBytes: number;
}

/** Of the file system that a path is on, as df(1) tells it. */
export function diskUseOf(path: string): DiskUse {
  const { blocks, bfree, bavail, bsize } = statfsSync(path);
  return { usedBytes: (blocks - bfree) * bsize, availableBytes: bavail * bsize };
}
