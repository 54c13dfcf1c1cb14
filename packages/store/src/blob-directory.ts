import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ByteSource, Digest } from "@cpm/base";
import { digestAlgorithm, digestHex } from "@cpm/base";
import { contentNotFound, contentTooLong, contentTooShort, digestMismatch } from "@cpm/oci";
import type { CallOptions, Descriptor, Ingest, ReadOptions } from "@cpm/oci";
import { fileError, systemCode, withFileErrors } from "./errors.ts";
import { failpoint } from "./failpoint.ts";
import {
  backgroundBytes,
  readFileBytes,
  readOpenFile,
  removeFile,
  syncDirectory,
  syncInBackground,
  writeFully,
  writeInBackground,
} from "./files.ts";
import type { Hasher } from "./hash.ts";
import { createHasher } from "./hash.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { isRunning, tryLock } from "./process-lock.ts";

/**
 * Content by digest in a directory: `blobs/<algorithm>/<hex>`, as in an OCI image layout, and `ingest/` for what
 * is not whole yet. The one way in which content gets onto a disk: write, check, fsync, rename, fsync the
 * directory. A name under `blobs` therefore always stands for whole and checked content.
 */
export class BlobDirectory {
  readonly root: string;
  readonly #queue = new KeyedQueue();

  constructor(root: string) {
    this.root = root;
  }

  pathOf(digest: Digest): string {
    return join(this.root, "blobs", digestAlgorithm(digest), digestHex(digest));
  }

  stat(digest: Digest): { sizeBytes: number } | undefined {
    const path = this.pathOf(digest);
    try {
      return { sizeBytes: statSync(path).size };
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw fileError(error, "read", path);
    }
  }

  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    if (this.stat(content.digest) === undefined) throw contentNotFound(this.root, content.digest);
    const { offsetBytes = 0, lengthBytes } = options;
    for await (const chunk of readFileBytes(this.pathOf(content.digest), offsetBytes, lengthBytes)) {
      options.signal?.throwIfAborted();
      yield chunk;
    }
  }

  /** The whole content for one reader in a hurry: each chunk is valid until the next one is asked for. */
  async *scan(content: Descriptor): ByteSource {
    const path = this.pathOf(content.digest);
    const file = withFileErrors("open", path, () => openSync(path, "r"));
    try {
      yield* readOpenFile(file, fstatSync(file).size, path);
    } finally {
      closeSync(file);
    }
  }

  /** How many bytes an earlier attempt left, which the next one will look at first; 0 where there was none. */
  ingestedBytes(digest: Digest): number {
    return statSync(this.#ingestPath(digest), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** See `Store.ingest`. What another process is writing is written a second time, not waited for. */
  async ingest(content: Descriptor, options: CallOptions = {}): Promise<FileIngest | undefined> {
    options.signal?.throwIfAborted();
    const release = await this.#queue.enter(content.digest);
    try {
      if (this.stat(content.digest) !== undefined) {
        release();
        return undefined;
      }
      return this.#openIngest(content, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Takes over a whole file of known content, which must lie on the same file system. */
  async adopt(path: string, digest: Digest): Promise<void> {
    const target = this.pathOf(digest);
    await syncInBackground(path);
    failpoint("blob/synced");
    makeDirectory(dirname(target));
    withFileErrors("publish", target, () => {
      chmodSync(path, 0o444);
      renameSync(path, target);
    });
    failpoint("blob/renamed");
    await syncInBackground(dirname(target));
  }

  /** A path for a file that `adopt` will take. */
  temporaryPath(): string {
    const folder = join(this.root, "ingest");
    makeDirectory(folder);
    return join(folder, `new-${process.pid}-${Math.random().toString(36).slice(2, 12)}`);
  }

  /** Removes the locks and unfinished files of dead processes. What can be continued stays. */
  recover(): void {
    const folder = join(this.root, "ingest");
    if (!existsSync(folder)) return;
    for (const name of withFileErrors("list", folder, () => readdirSync(folder))) {
      const path = join(folder, name);
      const pid = /^new-(\d+)-|\.lock\.(?:stale\.)?(\d+)\.\w+$/.exec(name);
      if (name.endsWith(".lock")) tryLock(path)?.release();
      else if (pid !== null && !isRunning({ pid: Number(pid[1] ?? pid[2]), started: "" })) removeFile(path);
    }
  }

  #ingestPath(digest: Digest): string {
    return join(this.root, "ingest", `${digestAlgorithm(digest)}-${digestHex(digest)}`);
  }

  #openIngest(content: Descriptor, release: () => void): FileIngest {
    const folder = join(this.root, "ingest");
    makeDirectory(folder);
    const shared = this.#ingestPath(content.digest);
    const lock = tryLock(`${shared}.lock`);
    const path = lock === undefined ? this.temporaryPath() : shared;
    try {
      return new FileIngest(this, content, path, () => {
        lock?.release();
        release();
      });
    } catch (error) {
      lock?.release();
      throw error;
    }
  }
}

/** Makes a directory and its parents, and their names durable. */
export function makeDirectory(path: string, mode = 0o755): void {
  const first = withFileErrors("create", path, () => mkdirSync(path, { recursive: true, mode }));
  if (first !== undefined) syncDirectory(dirname(first));
}

/** So much is written before the disk is set to work on it. */
const earlySyncBytes = 64 * 1024 * 1024;

/** An ingest whose bytes can be read again while it is open. */
export class FileIngest implements Ingest {
  readonly offsetBytes: number;
  readonly #blobs: BlobDirectory;
  readonly #content: Descriptor;
  readonly #path: string;
  readonly #file: number;
  readonly #hasher: Hasher;
  readonly #release: () => void;
  #sizeBytes: number;
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #open = true;

  constructor(blobs: BlobDirectory, content: Descriptor, path: string, release: () => void) {
    this.#blobs = blobs;
    this.#content = content;
    this.#path = path;
    this.#release = release;
    this.#hasher = createHasher(digestAlgorithm(content.digest));
    this.#file = withFileErrors("create", path, () => openSync(path, "a+", 0o644));
    try {
      this.#sizeBytes = this.#takeUp();
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
    this.offsetBytes = this.#sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#sizeBytes + chunk.length > this.#content.sizeBytes) {
      throw contentTooLong(this.#content.digest, this.#content.sizeBytes);
    }
    const writing = chunk.length < backgroundBytes ? undefined : writeInBackground(this.#file, chunk, this.#path);
    if (writing === undefined) writeFully(this.#file, chunk, this.#path);
    this.#hasher.update(chunk);
    await writing;
    this.#sizeBytes += chunk.length;
    this.#syncEarly(chunk.length);
    failpoint("blob/written");
  }

  /** What has been written so far; each chunk is valid until the next one is asked for. */
  async *written(): ByteSource {
    yield* readOpenFile(this.#file, this.#sizeBytes, this.#path);
  }

  async commit(): Promise<void> {
    const { digest, sizeBytes } = this.#content;
    try {
      if (this.#sizeBytes < sizeBytes) throw contentTooShort(digest, sizeBytes, this.#sizeBytes);
      const actual = this.#hasher.digest();
      if (actual !== digest) {
        removeFile(this.#path);
        throw digestMismatch(digest, actual);
      }
      await this.#syncing;
      await syncInBackground(this.#path);
      failpoint("blob/synced");
      const target = this.#blobs.pathOf(digest);
      makeDirectory(dirname(target));
      withFileErrors("publish", target, () => {
        chmodSync(this.#path, 0o444);
        renameSync(this.#path, target);
      });
      failpoint("blob/renamed");
      await syncInBackground(dirname(target));
    } finally {
      this.#end();
    }
  }

  /** Where nothing came there is nothing to continue. */
  async suspend(): Promise<void> {
    if (this.#open && fstatSync(this.#file).size === 0) removeFile(this.#path);
    this.#end();
  }

  async discard(): Promise<void> {
    if (this.#open) removeFile(this.#path);
    this.#end();
  }

  /** So that little is left to wait for at the end. A failure is thrown there: the system reports a lost write only once. */
  #syncEarly(addedBytes: number): void {
    this.#unsyncedBytes += addedBytes;
    if (this.#unsyncedBytes < earlySyncBytes || this.#syncing !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#syncing = syncInBackground(this.#path).then(() => void (this.#syncing = undefined));
    this.#syncing.catch(() => {});
  }

  /** Reads what an earlier attempt left through the hash: after a crash its bytes are what they are, not what they were. */
  #takeUp(): number {
    const present = fstatSync(this.#file).size;
    if (present > this.#content.sizeBytes) {
      withFileErrors("truncate", this.#path, () => ftruncateSync(this.#file, 0));
      return 0;
    }
    let at = 0;
    for (const chunk of readOpenFile(this.#file, present, this.#path)) {
      this.#hasher.update(chunk);
      at += chunk.length;
    }
    return at;
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#file);
    this.#release();
  }
}
