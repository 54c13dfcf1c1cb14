import { collectBytes, digestAlgorithm, digestHex, equalBytes } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import { storageFailed, registryError } from "../errors.ts";
import { quarantinePrefix } from "./object-storage.ts";
import type {
  ByteRange,
  Checkpoint,
  ObjectName,
  ObjectStorage,
  StagedState,
  Staging,
  StoredObject,
} from "./object-storage.ts";
import { PartBuffers } from "./part-buffers.ts";
import { s3Bytes } from "./s3-body.ts";
import { S3Calls } from "./s3-calls.ts";
import { S3Client } from "./s3-client.ts";
import type { S3Patience } from "./s3-client.ts";
import type { S3Settings } from "./s3-settings.ts";
import { S3Staging, stagedSize, toS3State } from "./s3-staging.ts";
import { startedStream } from "./started-stream.ts";

/** What every request that reads may hold in memory. */
const maxHeldBytes = 256 * 1024;

/** Objects are `blobs/<upload>/<random>` in a bucket: what they are is said by the database alone. */
export class S3Objects implements ObjectStorage {
  readonly shared = true;
  readonly #client: S3Client;
  readonly #calls: S3Calls;
  readonly #buffers: PartBuffers;

  constructor(settings: S3Settings, patience: Partial<S3Patience> = {}, buffers: PartBuffers = new PartBuffers()) {
    this.#client = new S3Client(settings, patience);
    this.#calls = new S3Calls(this.#client);
    this.#buffers = buffers;
  }

  async openStaging(id: string, state: StagedState, checkpoint: Checkpoint, takenOver: boolean): Promise<Staging> {
    return new S3Staging(id, toS3State(state), this.#calls, this.#buffers, checkpoint, takenOver);
  }

  async stagedBytes(_: string, state: StagedState): Promise<number> {
    return stagedSize(toS3State(state));
  }

  async discard(_: string, state: StagedState): Promise<void> {
    const { key, uploadId, pieces } = toS3State(state);
    if (key !== undefined && uploadId !== undefined) {
      await this.#calls.abortMultipart(key, uploadId);
      // It may have been completed already.
      await this.#calls.remove(key);
    }
    await Promise.all(pieces.map((piece) => this.#calls.remove(piece.key)));
  }

  /** The object is the upload, and pieces went when they were joined. */
  async settle(): Promise<void> {}

  defaultObject(digest: Digest): ObjectName {
    return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
  }

  /** What is small is read before it is answered: then its length is in the answer, which a stream's is not. */
  async body(object: ObjectName, sizeBytes: number, range: ByteRange): Promise<Blob | ReadableStream<Uint8Array>> {
    const bytes = this.read(object, sizeBytes, range);
    if (range.endBytes - range.startBytes > maxHeldBytes) return startedStream(bytes);
    return new Blob([await collectBytes(bytes, maxHeldBytes)]);
  }

  read(object: ObjectName, sizeBytes: number, range?: ByteRange): ByteSource {
    return s3Bytes(this.#client, object, sizeBytes, range ?? { startBytes: 0, endBytes: sizeBytes });
  }

  async presign(object: ObjectName, expiryS: number): Promise<string> {
    return this.#client.presign(object, expiryS);
  }

  /** By a copy inside the store. The object goes when a collection finds that the database does not name it any more. */
  async quarantine(object: ObjectName, label: string): Promise<string | undefined> {
    const sizeBytes = await this.#calls.size(object);
    if (sizeBytes === undefined) return undefined;
    const place = `${quarantinePrefix}${object.slice("blobs/".length)}.${label}`;
    if ((await this.#calls.size(place)) === sizeBytes) return place;
    await this.#calls.copy(object, place, sizeBytes);
    if ((await this.#calls.size(place)) !== sizeBytes) throw storageFailed(`the copy of ${object} is not whole`);
    return place;
  }

  /** S3 does not tell whether it was there. */
  async remove(object: ObjectName): Promise<boolean> {
    await this.#calls.remove(object);
    return true;
  }

  async *pages(): AsyncGenerator<readonly StoredObject[]> {
    for (let after = ""; ;) {
      const page = await this.#calls.list("blobs/", after);
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = last.object;
    }
  }

  uploadOf(object: ObjectName): string | undefined {
    return /^blobs\/([0-9a-f-]{36})\//.exec(object)?.[1];
  }

  async check(): Promise<void> {
    const key = `probe/${crypto.randomUUID()}`;
    const content = new TextEncoder().encode(key);
    await this.#calls.put(key, content);
    const parts: Uint8Array[] = [];
    for await (const chunk of this.read(key, content.length)) parts.push(chunk);
    await this.#calls.remove(key);
    if (!equalBytes(Buffer.concat(parts), content))
      throw registryError("registry-server/storage", "the storage does not give back what it was given");
  }
}
