/** What an archive of a package may hold. Everything else about a file (owner, times, exact mode) does not travel. */
export interface TarEntry {
  /** Relative, `/`-separated, NFC, without a trailing slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  /** Whether a file may be executed; false for everything else. */
  readonly executable: boolean;
  /** Size of a file's content; 0 for everything else. */
  readonly sizeBytes: number;
  /** Relative to the directory of the link. Only for symlinks. */
  readonly linkTarget?: string;
}

/** Hard bounds, checked while bytes arrive. */
export interface ArchiveLimits {
  readonly maxEntries: number;
  readonly maxPathBytes: number;
  readonly maxComponentBytes: number;
  readonly maxDepth: number;
  readonly maxFileBytes: number;
  /** Of the whole uncompressed tar, headers included. */
  readonly maxTotalBytes: number;
  readonly maxLinkTargetBytes: number;
}

/** Bounds for when nothing smaller was declared: half a million entries, one tebibyte. */
export const defaultArchiveLimits: ArchiveLimits = {
  maxEntries: 500_000,
  maxPathBytes: 1024,
  maxComponentBytes: 255,
  maxDepth: 64,
  maxFileBytes: 2 ** 40,
  maxTotalBytes: 2 ** 40,
  maxLinkTargetBytes: 1024,
};

export const tarBlockBytes = 512;

/** Zero bytes that follow a content of this size, up to the next block. */
export function tarPaddingBytes(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

/** Two zero blocks end an archive (POSIX ustar); nothing follows them. */
export const tarEndBytes: number = 2 * tarBlockBytes;

/** Orders paths by their UTF-8 bytes, the order of entries in an archive. */
export function compareTarPaths(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    // UTF-16 puts surrogates below U+E000…U+FFFF, UTF-8 puts what they stand for above.
    const aSurrogate = a >= 0xd800 && a < 0xe000;
    const bSurrogate = b >= 0xd800 && b < 0xe000;
    return aSurrogate === bSurrogate ? a - b : aSurrogate ? 1 : -1;
  }
  return left.length - right.length;
}
