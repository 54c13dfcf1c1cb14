import { linkSync, readdirSync, rmSync, statSync, writeFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDigest } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import type { BlobDirectory } from "@cpm/store";
import { makeDirectory, readFileBytes, removeFile, syncDirectory, withFileErrors } from "@cpm/store";
import { contentLost, registryError } from "../errors.ts";
import { objectPages } from "./directory-listing.ts";
import { DirectoryStaging, markSuffix, objectOf, readMark } from "./directory-staging.ts";
import { quarantinePrefix } from "./object-storage.ts";
import type { ByteRange, ObjectName, ObjectStorage, Staging, StoredObject } from "./object-storage.ts";

/**
 * Objects are files `blobs/<algorithm>/<hex>`, uploads `uploads/<id>`. What an upload is at is said by its file, so
 * the state of an upload is always empty: one process has the directory.
 */
export class DirectoryObjects implements ObjectStorage {
  readonly shared = false;
  readonly #blobs: BlobDirectory;
  readonly #uploads: string;

  constructor(blobs: BlobDirectory) {
    this.#blobs = blobs;
    this.#uploads = join(blobs.root, "uploads");
    makeDirectory(this.#uploads);
  }

  async openStaging(id: string): Promise<Staging> {
    return new DirectoryStaging(this.#uploadPath(id), this.#blobs);
  }

  async stagedBytes(id: string): Promise<number> {
    return new DirectoryStaging(this.#uploadPath(id), this.#blobs).sizeBytes;
  }

  async discard(id: string): Promise<void> {
    removeFile(this.#uploadPath(id));
    removeFile(`${this.#uploadPath(id)}${markSuffix}`);
  }

  async settle(id: string): Promise<void> {
    removeFile(`${this.#uploadPath(id)}${markSuffix}`);
  }

  defaultObject(digest: Digest): ObjectName {
    return objectOf(digest);
  }

  async body(object: ObjectName, sizeBytes: number, { startBytes, endBytes }: ByteRange): Promise<Blob> {
    const file = Bun.file(this.#wholeFile(object, sizeBytes));
    return startBytes === 0 && endBytes === sizeBytes ? file : file.slice(startBytes, endBytes);
  }

  async *read(object: ObjectName, sizeBytes: number, range?: ByteRange): ByteSource {
    const { startBytes, endBytes } = range ?? { startBytes: 0, endBytes: sizeBytes };
    yield* readFileBytes(this.#wholeFile(object, sizeBytes), startBytes, endBytes - startBytes);
  }

  async presign(): Promise<undefined> {
    return undefined;
  }

  /** By a second name for the file: it takes no room, and stays when an upload replaces the first. */
  async quarantine(object: ObjectName, label: string): Promise<string | undefined> {
    const from = this.#pathOf(object);
    const place = `${quarantinePrefix}${object.slice("blobs/".length)}.${label}`;
    const to = join(this.#blobs.root, place);
    if (!isThere(from)) return undefined;
    makeDirectory(dirname(to));
    if (!isThere(to)) withFileErrors("quarantine", from, () => linkSync(from, to));
    syncDirectory(dirname(to));
    return place;
  }

  async remove(object: ObjectName): Promise<boolean> {
    const path = this.#pathOf(object);
    return this.#isMarked(object) ? false : removeFile(path);
  }

  pages(): AsyncIterable<readonly StoredObject[]> {
    return objectPages(this.#blobs.root);
  }

  uploadOf(): undefined {
    return undefined;
  }

  async check(): Promise<void> {
    const probe = join(this.#uploads, `.ready-${crypto.randomUUID()}`);
    withFileErrors("write", probe, () => {
      writeFileSync(probe, "ready");
      try {
        readFileSync(probe);
      } finally {
        rmSync(probe);
      }
    });
  }

  /** By any process that has the directory. A mark that is being written may be any. */
  #isMarked(object: ObjectName): boolean {
    return withFileErrors("list", this.#uploads, () => readdirSync(this.#uploads))
      .filter((name) => name.endsWith(markSuffix))
      .some((name) => {
        const digest = readMark(join(this.#uploads, name));
        return digest !== undefined && (!isDigest(digest) || objectOf(digest) === object);
      });
  }

  #wholeFile(object: ObjectName, sizeBytes: number): string {
    const path = this.#pathOf(object);
    if (withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false }))?.size !== sizeBytes)
      throw contentLost(`${object} is gone or has another size`);
    return path;
  }

  #pathOf(object: ObjectName): string {
    const [, algorithm, hex] = object.split("/");
    const digest = `${algorithm ?? ""}:${hex ?? ""}`;
    if (!isDigest(digest) || objectOf(digest) !== object) throw new TypeError(`${object} is no object of a directory`);
    return this.#blobs.pathOf(digest);
  }

  #uploadPath(id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw registryError("registry-server/upload-unknown", "there is no such upload");
    return join(this.#uploads, id);
  }
}

function isThere(path: string): boolean {
  return withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false })) !== undefined;
}
