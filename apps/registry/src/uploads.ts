import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { digestAlgorithm, isDigest } from "@cpm/base";
import type { BlobDirectory, Hasher } from "@cpm/store";
import {
  createHasher,
  failpoint,
  fileError,
  makeDirectory,
  readFileBytes,
  removeFile,
  withFileErrors,
  writeFully,
} from "@cpm/store";
import { digestInvalid, registryError } from "./errors.ts";

interface UploadState {
  sizeBytes: number;
  readonly algorithm: DigestAlgorithm;
  /** Of everything written so far; undefined when the file has to be read for it, as after a restart. */
  hasher: Hasher | undefined;
  /** The request that may write. */
  writer: symbol | undefined;
  finishing: boolean;
  /** Set when the bytes are a blob already and only the record of it is missing. */
  readonly adopted?: Digest;
}

/**
 * Uploads under way: bytes go to `uploads/<id>`, are hashed as they come, and become a blob by fsync and rename.
 * An upload survives a restart of the server, at every step: only its hash is computed again.
 */
export class Uploads {
  readonly #folder: string;
  readonly #blobs: BlobDirectory;
  readonly #maxBlobBytes: number;
  readonly #open = new Map<string, UploadState>();

  readonly #onBytes: (count: number) => void;

  constructor(root: string, blobs: BlobDirectory, maxBlobBytes: number, onBytes: (count: number) => void) {
    this.#folder = join(root, "uploads");
    this.#blobs = blobs;
    this.#maxBlobBytes = maxBlobBytes;
    this.#onBytes = onBytes;
    makeDirectory(this.#folder);
  }

  /** `algorithm` is the one that the closing digest is expected to have; another costs a second reading. */
  create(algorithm: DigestAlgorithm = "sha256"): string {
    const id = crypto.randomUUID();
    const path = this.#path(id);
    withFileErrors("create", path, () => closeSync(openSync(path, "wx")));
    this.#open.set(id, newState(0, createHasher(algorithm), algorithm));
    return id;
  }

  sizeBytes(id: string): number {
    return this.#state(id).sizeBytes;
  }

  /** Appends what comes and answers the new size. What arrived before a failure is kept. See `finish` for `startBytes`. */
  async append(id: string, body: ByteSource, startBytes?: number): Promise<number> {
    const state = this.#state(id);
    const writer = claim(state, startBytes);
    try {
      await this.#receive(id, state, writer, body);
      return state.sizeBytes;
    } finally {
      release(state, writer);
    }
  }

  /**
   * Appends the last bytes, checks the digest and makes the upload a blob, whose size is answered. On a mismatch
   * nothing is kept. One request at a time writes; one that names the right `startBytes` takes over from another,
   * because a client whose connection broke is back before the server notices. Call `settle` once the blob is recorded.
   */
  async finish(id: string, body: ByteSource, digest: Digest, startBytes?: number): Promise<number> {
    const state = this.#state(id);
    const writer = claim(state, startBytes);
    try {
      await this.#receive(id, state, writer, body);
      failpoint("upload/received");
      state.finishing = true;
      const actual = await this.#digest(id, state, digestAlgorithm(digest));
      if (actual !== digest) {
        this.remove(id);
        throw digestInvalid("the upload", digest, actual);
      }
      failpoint("upload/hashed");
      if (state.adopted === undefined) await this.#adopt(id, digest);
      failpoint("upload/adopted");
      return state.sizeBytes;
    } finally {
      state.finishing = false;
      release(state, writer);
    }
  }

  /** Forgets an upload that became a blob and was recorded. */
  settle(id: string): void {
    this.#open.delete(id);
    removeFile(this.#markPath(id));
  }

  remove(id: string): void {
    this.#open.delete(id);
    removeFile(this.#path(id));
    removeFile(this.#markPath(id));
  }

  async #receive(id: string, state: UploadState, writer: symbol, body: ByteSource): Promise<void> {
    let file: number | undefined;
    try {
      for await (const chunk of body) {
        if (state.writer !== writer) throw uploadRange("another request took over this upload", state);
        if (state.adopted !== undefined) throw uploadRange("the upload is complete", state);
        if (state.sizeBytes + chunk.length > this.#maxBlobBytes) {
          throw registryError("registry-server/too-large", `a blob of more than ${this.#maxBlobBytes} bytes`);
        }
        file ??= withFileErrors("open", this.#path(id), () => openSync(this.#path(id), "a"));
        this.#write(file, chunk, id, state);
        state.hasher?.update(chunk);
        state.sizeBytes += chunk.length;
        this.#onBytes(chunk.length);
      }
    } finally {
      if (file !== undefined) closeSync(file);
    }
    if (state.writer !== writer) throw uploadRange("another request took over this upload", state);
  }

  /** A disk that is full takes part of a chunk: what the upload does not count must not stay in its file. */
  #write(file: number, chunk: Uint8Array, id: string, { sizeBytes }: UploadState): void {
    const path = this.#path(id);
    try {
      writeFully(file, chunk, path);
    } catch (error) {
      withFileErrors("truncate", path, () => ftruncateSync(file, sizeBytes));
      throw error;
    }
  }

  /** A crash after the rename leaves an upload without a file; the mark tells which blob it has become. */
  async #adopt(id: string, digest: Digest): Promise<void> {
    const path = this.#path(id);
    await syncFile(path);
    withFileErrors("mark", path, () => writeFileSync(this.#markPath(id), digest));
    // Also when the blob is there: its name may not be durable yet, and its bytes may have been damaged since.
    this.#blobs.adopt(path, digest);
  }

  async #digest(id: string, state: UploadState, algorithm: DigestAlgorithm): Promise<Digest> {
    if (state.adopted !== undefined) return state.adopted;
    const known = state.hasher;
    state.hasher = undefined;
    if (known !== undefined && algorithm === state.algorithm) return known.digest();
    const hasher = createHasher(algorithm);
    for await (const chunk of readFileBytes(this.#path(id))) hasher.update(chunk);
    return hasher.digest();
  }

  #state(id: string): UploadState {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const sizeBytes = fileSize(this.#path(id));
    const state = sizeBytes === undefined ? this.#adopted(id) : newState(sizeBytes, undefined);
    if (state === undefined) throw registryError("registry-server/upload-unknown", `there is no upload ${id}`);
    this.#open.set(id, state);
    return state;
  }

  #adopted(id: string): UploadState | undefined {
    const mark = this.#markPath(id);
    if (fileSize(mark) === undefined) return undefined;
    const digest = withFileErrors("read", mark, () => readFileSync(mark, "utf8"));
    const blob = isDigest(digest) ? this.#blobs.stat(digest) : undefined;
    if (!isDigest(digest) || blob === undefined) return undefined;
    return { ...newState(blob.sizeBytes, undefined), adopted: digest };
  }

  #path(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw registryError("registry-server/upload-unknown", "there is no such upload");
    return join(this.#folder, id);
  }

  #markPath(id: string): string {
    return `${this.#path(id)}.blob`;
  }
}

function newState(sizeBytes: number, hasher: Hasher | undefined, algorithm: DigestAlgorithm = "sha256"): UploadState {
  return { sizeBytes, algorithm, hasher, writer: undefined, finishing: false };
}

function claim(state: UploadState, startBytes: number | undefined): symbol {
  if (startBytes !== undefined && startBytes !== state.sizeBytes)
    throw uploadRange(`the chunk begins at ${startBytes}`, state);
  if (state.finishing || (state.writer !== undefined && startBytes === undefined))
    throw uploadRange("another request is writing", state);
  state.writer = Symbol("writer");
  return state.writer;
}

function release(state: UploadState, writer: symbol): void {
  if (state.writer === writer) state.writer = undefined;
}

function uploadRange(what: string, { sizeBytes }: UploadState) {
  return registryError("registry-server/upload-range", `${what}; the upload stands at ${sizeBytes}`, { sizeBytes });
}

/** On another thread: a large file takes the disk seconds, in which everybody else is to be served. */
async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, "sync", path);
  }
}

/** Undefined when there is no such file. */
function fileSize(path: string): number | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw fileError(error, "open", path);
  }
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}
