import { createError, formatBytes, printable } from "@cpm/base";
import type { CpmError } from "@cpm/base";

export const storeErrors = {
  "store/no-space": {
    kind: "resource_exhausted",
    title: "The disk is full",
    hint: "Free some space and run the same command again: what was fetched is kept and continued.",
  },
  "store/read-only": {
    kind: "permission_denied",
    title: "The file system is read-only",
    hint: "Choose a directory that can be written.",
  },
  "store/permission": {
    kind: "permission_denied",
    title: "No permission",
    hint: "Choose a directory of your own, or ask its owner for access.",
  },
  "store/io": {
    kind: "unavailable",
    title: "A file could not be read or written",
    hint: "Look at the path that is named, and at the disk it is on.",
  },
  "store/locked": {
    kind: "unavailable",
    title: "Another process holds the lock",
    hint: "Wait for it to end. A lock whose process is dead is taken over by itself.",
  },
  "store/not-a-layout": {
    kind: "invalid_argument",
    title: "Not an OCI image layout",
    hint: "A packed package is what `cpm pack` wrote.",
  },
  "store/layout-too-long": {
    kind: "resource_exhausted",
    title: "An image layout would list more than can be read again",
    hint: "Write several layouts, each with a part of it.",
  },
  "split/part-size": {
    kind: "invalid_argument",
    title: "Parts of a size that does not do",
    hint: "Parts have at least 65536 bytes each, and there are at most 9999 of them.",
  },
  "split/part-missing": {
    kind: "not_found",
    title: "A part of a split file is missing",
    hint: "Put all parts into one folder, with the names that they were written with.",
  },
  "split/part-foreign": {
    kind: "data_loss",
    title: "A part of another file stands among the parts",
    hint: "Its name is that of a part and its content is another file's. Move it away and put the right one there.",
  },
  "split/part-damaged": {
    kind: "data_loss",
    title: "A part of a split file is damaged",
    hint: "Copy this part again from where the file was made.",
  },
  "layer/media-type": { kind: "data_loss", title: "A layer of an unknown media type" },
  "layer/size": { kind: "data_loss", title: "A layer whose content is not of the declared size" },
  "layer/entries": { kind: "data_loss", title: "A layer with another number of entries than declared" },
  "layer/decode": { kind: "data_loss", title: "A layer that does not decompress" },
  "layer/collision": { kind: "data_loss", title: "Two layers of a package hold the same path" },
  "pack/unsupported-file": {
    kind: "invalid_argument",
    title: "A file that a package cannot hold",
    hint: "A package holds files, directories and relative symlinks within it. Leave the file out with `exclude`.",
  },
  "pack/file-changed": {
    kind: "aborted",
    title: "A file changed while it was packed",
    hint: "Run the command again when nothing writes to the directory.",
  },
  "node/tree-mismatch": {
    kind: "data_loss",
    title: "The unpacked tree is not the one that the package declares",
    hint: "The package was not made by `cpm pack`, or was changed afterwards. Nothing of it was kept.",
  },
  "node/tree-unfit": {
    kind: "data_loss",
    title: "Something was unpacked that no package can hold",
    hint: "The package may have been made to attack the program that unpacks. Nothing of it was kept.",
  },
  "node/layout-version": {
    kind: "failed_precondition",
    title: "The node store was written by a newer cpm",
    hint: "Update cpm, or choose another directory.",
  },
} as const;

export type StoreErrorCode = keyof typeof storeErrors;

export function storeError(
  code: StoreErrorCode,
  message: string,
  details: { hint?: string; context?: Record<string, unknown>; cause?: unknown } = {},
): CpmError {
  return createError(storeErrors, code, message, details);
}

export function noSpace(where: string, neededBytes: number, freeBytes: number): CpmError {
  return storeError(
    "store/no-space",
    `${where} has ${formatBytes(freeBytes)} free and ${formatBytes(neededBytes)} are needed`,
    {
      context: { neededBytes, freeBytes },
    },
  );
}

const codes: Readonly<Record<string, StoreErrorCode>> = {
  ENOSPC: "store/no-space",
  EDQUOT: "store/no-space",
  EROFS: "store/read-only",
  EACCES: "store/permission",
  EPERM: "store/permission",
};

/** What the system says of a file, as one of ours. What is not a system error is returned as it is. */
export function fileError(error: unknown, doing: string, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const reason = codes[code] ?? "store/io";
  const why = {
    "store/no-space": "the disk is full",
    "store/read-only": "the file system is read-only",
    "store/permission": "permission denied",
  };
  const said = reason in why ? why[reason as keyof typeof why] : code;
  return storeError(reason, `cannot ${doing} ${printable(path)}: ${said}`, { cause: error, context: { path, code } });
}

/** Runs a file operation and turns what the system says into one of our errors. */
export function withFileErrors<T>(doing: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fileError(error, doing, path);
  }
}

export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
