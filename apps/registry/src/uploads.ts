import { closeSync, fstatSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { digestAlgorithm } from "@cpm/base";
import { BlobDirectory, createHasher, makeDirectory, readFileBytes, removeFile, writeFully } from "@cpm/store";
import type { Hasher } from "@cpm/store";
import { registryError } from "./errors.ts";

interface OpenUpload {
  sizeBytes: number;
  /** Of everything written so far; undefined after a restart, when the file is read again. */
  hasher: Hasher | undefined;
  busy: boolean;
}

/**
 * Uploads under way: bytes go to `uploads/<id>`, are hashed as they come, and become a blob by fsync and rename.
 * An upload survives a restart of the server; only its hash is computed again.
 */
export class Uploads {
  readonly #folder: string;
  readonly #blobs: BlobDirectory;
  readonly #maxBlobBytes: number;
  readonly #open = new Map<string, OpenUpload>();

  constructor(root: string, blobs: BlobDirectory, maxBlobBytes: number) {
    this.#folder = join(root, "uploads");
    this.#blobs = blobs;
    this.#maxBlobBytes = maxBlobBytes;
    makeDirectory(this.#folder);
  }

  create(): string {
    const id = crypto.randomUUID();
    closeSync(openSync(this.#path(id), "wx"));
    this.#open.set(id, { sizeBytes: 0, hasher: createHasher(), busy: false });
    return id;
  }

  async sizeBytes(id: string): Promise<number> {
    return (await this.#state(id)).sizeBytes;
  }

  /** Appends what comes and answers the new size. One writer at a time; what arrived before a failure is kept. */
  async append(id: string, body: ByteSource): Promise<number> {
    const state = await this.#state(id);
    if (state.busy) throw registryError("registry/upload-range", "another request is writing to this upload");
    state.busy = true;
    const file = openSync(this.#path(id), "a");
    try {
      for await (const chunk of body) {
        if (state.sizeBytes + chunk.length > this.#maxBlobBytes) {
          throw registryError("registry/too-large", `a blob of more than ${this.#maxBlobBytes} bytes`);
        }
        writeFully(file, chunk, this.#path(id));
        state.hasher?.update(chunk);
        state.sizeBytes += chunk.length;
      }
      return state.sizeBytes;
    } finally {
      closeSync(file);
      state.busy = false;
    }
  }

  /** Checks the digest and makes the upload a blob. On a mismatch nothing is kept. */
  async finish(id: string, digest: Digest): Promise<number> {
    const state = await this.#state(id);
    const actual = await this.#digest(id, state, digestAlgorithm(digest));
    if (actual !== digest) {
      this.remove(id);
      throw registryError("registry/digest-invalid", `the upload has digest ${actual}, not ${digest}`, {
        expected: digest,
        actual,
      });
    }
    const { sizeBytes } = state;
    this.#open.delete(id);
    if (this.#blobs.stat(digest) === undefined) this.#blobs.adopt(this.#path(id), digest);
    else removeFile(this.#path(id));
    return sizeBytes;
  }

  remove(id: string): void {
    this.#open.delete(id);
    removeFile(this.#path(id));
  }

  async #digest(id: string, state: OpenUpload, algorithm: DigestAlgorithm): Promise<Digest> {
    if (state.hasher !== undefined && algorithm === "sha256") return state.hasher.digest();
    const hasher = createHasher(algorithm);
    for await (const chunk of readFileBytes(this.#path(id))) hasher.update(chunk);
    return hasher.digest();
  }

  async #state(id: string): Promise<OpenUpload> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    let file: number;
    try {
      file = openSync(this.#path(id), "r");
    } catch (cause) {
      throw registryError("registry/upload-unknown", `there is no upload ${id}`, { cause: String(cause) });
    }
    try {
      fsyncSync(file);
      const state: OpenUpload = { sizeBytes: fstatSync(file).size, hasher: undefined, busy: false };
      this.#open.set(id, state);
      return state;
    } finally {
      closeSync(file);
    }
  }

  #path(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw registryError("registry/upload-unknown", "there is no such upload");
    return join(this.#folder, id);
  }
}
