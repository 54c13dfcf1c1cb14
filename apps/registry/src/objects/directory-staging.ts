import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { digestAlgorithm, digestHex, isDigest } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import type { BlobDirectory } from "@cpm/store";
import {
  fileError,
  readFileBytes,
  removeFile,
  syncInBackground,
  systemCode,
  withFileErrors,
  writeFully,
} from "@cpm/store";
import { beginWriteback } from "@cpm/system";
import type { ObjectName, StagedState, Staging } from "./object-storage.ts";

const nothing: StagedState = {};
/** After so many bytes the disk is set to work, while more come. */
const writebackBytes = 8 * 1024 * 1024;
/** Behind the name of an upload: the file that says which blob it becomes. */
export const markSuffix = ".blob";

/**
 * An upload in a file, which is there from its first byte. When it is known what the bytes are, a second file beside
 * it says so: a crash after the rename leaves an upload without a file, and the mark tells which blob it has become.
 */
export class DirectoryStaging implements Staging {
  readonly state = nothing;
  readonly #path: string;
  readonly #blobs: BlobDirectory;
  #file: number | undefined;
  #marked: Digest | undefined;
  #adopted = false;
  /** As much is on its way to the disk. */
  #begunBytes: number;
  sizeBytes: number;

  constructor(path: string, blobs: BlobDirectory) {
    this.#path = path;
    this.#blobs = blobs;
    const staged = sizeOf(path);
    this.sizeBytes = staged ?? this.#adoptedBytes() ?? 0;
    this.#begunBytes = this.sizeBytes;
  }

  get marked(): Digest | undefined {
    return this.#marked;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#file ??= withFileErrors("open", this.#path, () => openSync(this.#path, "a"));
    writeFully(this.#file, chunk, this.#path);
    this.sizeBytes += chunk.length;
    if (this.sizeBytes - this.#begunBytes < writebackBytes) return;
    beginWriteback(this.#file, this.#begunBytes, this.sizeBytes - this.#begunBytes);
    this.#begunBytes = this.sizeBytes;
  }

  /** As durable as an upload has to be: the file has it, whatever becomes of this process. */
  async flush(): Promise<void> {
    await this.close();
  }

  async *written(): ByteSource {
    if (this.sizeBytes > 0) yield* readFileBytes(this.#path);
  }

  async mark(digest: Digest): Promise<void> {
    if (this.sizeBytes === 0) withFileErrors("create", this.#path, () => closeSync(openSync(this.#path, "a")));
    await syncInBackground(this.#path);
    withFileErrors("mark", this.#path, () => writeFileSync(`${this.#path}${markSuffix}`, digest));
    this.#marked = digest;
  }

  /** Also when the blob is there: its name may not be durable yet, and its bytes may have been damaged since. */
  async seal(): Promise<ObjectName> {
    if (this.#marked === undefined) throw new TypeError("only what was marked is sealed");
    if (!this.#adopted) await this.#blobs.adopt(this.#path, this.#marked);
    this.#adopted = true;
    return objectOf(this.#marked);
  }

  async close(): Promise<void> {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #adoptedBytes(): number | undefined {
    const mark = `${this.#path}${markSuffix}`;
    const digest = readMark(mark);
    if (digest === undefined) return undefined;
    const blob = isDigest(digest) ? this.#blobs.stat(digest) : undefined;
    if (!isDigest(digest) || blob === undefined) {
      removeFile(mark);
      return undefined;
    }
    this.#marked = digest;
    this.#adopted = true;
    return blob.sizeBytes;
  }
}

/** What a mark says, whole or not; undefined where there is none. */
export function readMark(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw fileError(error, "read", path);
  }
}

export function objectOf(digest: Digest): ObjectName {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Undefined when there is no such file. */
function sizeOf(path: string): number | undefined {
  return withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false })?.size);
}
