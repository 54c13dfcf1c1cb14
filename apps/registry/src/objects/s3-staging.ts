import type { ByteSource, Digest } from "@cpm/base";
import { failpoint } from "@cpm/store";
import { registryError, storageFailed } from "../errors.ts";
import type { Checkpoint, ObjectName, StagedState, Staging } from "./object-storage.ts";
import { maxPartNumber, sizeOfPart } from "./part-buffers.ts";
import type { PartBuffers } from "./part-buffers.ts";
import { s3Bytes } from "./s3-body.ts";
import type { S3Calls, UploadedPart } from "./s3-calls.ts";

interface Piece {
  readonly key: string;
  readonly sizeBytes: number;
}

/** What the database keeps. Part numbers ascend, and may have gaps. */
export interface S3State {
  /** The key and id of the multipart upload, once there is one. */
  readonly key?: string;
  readonly uploadId?: string;
  readonly parts: readonly UploadedPart[];
  /** Objects that hold, in this order, what follows the parts: too little for another part. */
  readonly pieces: readonly Piece[];
  /** The last part may be short: nothing can follow it. */
  readonly ended: boolean;
  readonly marked?: Digest;
}

export function toS3State(state: StagedState): S3State {
  return { parts: [], pieces: [], ended: false, ...(state as Partial<S3State>) };
}

export function stagedSize({ parts, pieces }: S3State): number {
  return [...parts, ...pieces].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** So much may get lost at a crash, of what was not acknowledged. */
const checkpointBytes = 64 * 1024 ** 2;
/** More than the parts that fit between two checkpoints: what an earlier writer still sends has other numbers. */
const takeOverGap = 16;
/** Of each upload what little came is kept as it came; only more is worth a buffer. */
const looseBytes = 512 * 1024;
const maxPieces = 64;

/**
 * An upload in S3. All parts but the last have the size that their number says, so what a request ends with is put
 * aside as an object of its own, a piece, and becomes the beginning of the next part; pieces that stay alone become
 * the object. One part is on its way while the next is filled.
 */
export class S3Staging implements Staging {
  readonly #id: string;
  readonly #calls: S3Calls;
  readonly #buffers: PartBuffers;
  readonly #checkpoint: Checkpoint;
  #state: S3State;
  #nextNumber: number;
  #loose: Uint8Array[] = [];
  #looseBytes = 0;
  /** Filled from behind the place of the pieces. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #sending: Promise<void> | undefined;
  #unsavedBytes = 0;

  constructor(
    id: string,
    state: S3State,
    calls: S3Calls,
    buffers: PartBuffers,
    checkpoint: Checkpoint,
    takenOver: boolean,
  ) {
    this.#id = id;
    this.#state = state;
    this.#calls = calls;
    this.#buffers = buffers;
    this.#checkpoint = checkpoint;
    this.#nextNumber = (state.parts.at(-1)?.number ?? 0) + 1 + (takenOver ? takeOverGap : 0);
    this.sizeBytes = stagedSize(state);
  }

  sizeBytes: number;

  get marked(): Digest | undefined {
    return this.#state.marked;
  }

  get state(): StagedState {
    return { ...this.#state };
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#state.ended) throw registryError("registry-server/upload-range", "the upload is complete");
    this.sizeBytes += chunk.length;
    if (this.#buffer === undefined && this.#looseBytes + chunk.length <= looseBytes) {
      this.#loose.push(chunk);
      this.#looseBytes += chunk.length;
      return;
    }
    await this.#takeBuffer();
    await this.#fill(chunk);
  }

  async flush(last: boolean): Promise<void> {
    await this.#sent();
    // Pieces are always less than a part.
    if (this.#looseBytes >= sizeOfPart(this.#nextNumber) - this.#heldBytes()) {
      await this.#takeBuffer();
      await this.#sent();
    }
    const { pieces, uploadId } = this.#state;
    const freshBytes = this.#filled + this.#looseBytes;
    if (last && uploadId !== undefined) {
      if (freshBytes > 0 || pieces.length > 0) {
        await this.#takeBuffer();
        await this.#send();
        await this.#sent();
      }
    } else if (freshBytes > 0 || (last && pieces.length !== 1)) {
      await this.#putPiece(last);
    }
    this.#giveBuffer();
    if (last) this.#state = { ...this.#state, ended: true };
  }

  /** Parts cannot be read before they are an object, so that is made first. */
  async *written(): ByteSource {
    const { key, uploadId, pieces } = this.#state;
    const whole = key === undefined || uploadId === undefined ? pieces : [{ key, sizeBytes: this.sizeBytes }];
    if (uploadId !== undefined) await this.#complete();
    for (const piece of whole) yield* this.#read(piece);
  }

  async mark(digest: Digest): Promise<void> {
    this.#state = { ...this.#state, marked: digest };
  }

  async seal(): Promise<ObjectName> {
    const { uploadId, key, pieces, ended } = this.#state;
    if (!ended) throw new TypeError("only what has ended is sealed");
    if (uploadId !== undefined && key !== undefined) {
      await this.#complete();
      return key;
    }
    const only = pieces[0];
    if (only === undefined || pieces.length > 1) throw new TypeError("what has ended is one piece");
    return only.key;
  }

  async close(): Promise<void> {
    // Its buffer comes back when the call is over, whatever became of it.
    await this.#sending?.catch(() => undefined);
    this.#giveBuffer();
    this.#loose = [];
  }

  #giveBuffer(): void {
    if (this.#buffer !== undefined) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
  }

  #heldBytes(): number {
    return this.#state.pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async #fill(chunk: Uint8Array): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      await this.#takeBuffer();
      const buffer = this.#buffer;
      if (buffer === undefined) throw new TypeError("a buffer was taken");
      const start = this.#heldBytes() + this.#filled;
      const count = Math.min(buffer.length - start, chunk.length - at);
      buffer.set(chunk.subarray(at, at + count), start);
      this.#filled += count;
      at += count;
      if (start + count === buffer.length) await this.#send();
    }
  }

  /** Moves what came loose into a buffer. The part before is waited for: pieces are part of it until it is sent. */
  async #takeBuffer(): Promise<void> {
    if (this.#buffer !== undefined) return;
    if (this.#state.pieces.length > 0) await this.#sent();
    this.#buffer = await this.#buffers.take(sizeOfPart(this.#nextNumber));
    const loose = this.#loose;
    this.#loose = [];
    this.#looseBytes = 0;
    for (const chunk of loose) await this.#fill(chunk);
    // A part may have become full of it.
    if (this.#buffer === undefined) await this.#takeBuffer();
  }

  /** Sends what is in the buffer, behind the pieces, as the next part; what was sent before has arrived first. */
  async #send(): Promise<void> {
    await this.#sent();
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const { pieces } = this.#state;
    const sizeBytes = this.#heldBytes() + this.#filled;
    await this.#loadPieces(buffer);
    const target = await this.#multipart();
    const number = this.#nextNumber++;
    if (number > maxPartNumber) throw registryError("registry-server/too-large", "the storage takes no more parts");
    this.#buffer = undefined;
    this.#filled = 0;
    const sending = this.#sendPart(target, number, buffer, sizeBytes);
    // Whoever writes or flushes next is told.
    sending.catch(() => undefined);
    this.#sending = sending;
    if (pieces.length > 0) {
      await this.#sent();
      await this.#save();
      await this.#removePieces(pieces);
    }
  }

  async #sendPart(
    { key, uploadId }: { readonly key: string; readonly uploadId: string },
    number: number,
    buffer: Uint8Array<ArrayBuffer>,
    sizeBytes: number,
  ): Promise<void> {
    try {
      const part = await this.#calls.uploadPart(key, uploadId, number, buffer.subarray(0, sizeBytes));
      this.#state = { ...this.#state, parts: [...this.#state.parts, part], pieces: [] };
      this.#unsavedBytes += part.sizeBytes;
    } finally {
      this.#buffers.give(buffer);
    }
  }

  async #sent(): Promise<void> {
    await this.#sending;
    this.#sending = undefined;
    if (this.#unsavedBytes >= checkpointBytes) await this.#save();
  }

  async #save(): Promise<void> {
    this.#unsavedBytes = 0;
    await this.#checkpoint(this.state);
  }

  /** Known to the database before it has a part, so that it can be aborted whatever happens. */
  async #multipart(): Promise<{ readonly key: string; readonly uploadId: string }> {
    const { key, uploadId } = this.#state;
    if (key !== undefined && uploadId !== undefined) return { key, uploadId };
    const fresh = this.#newKey();
    const created = { key: fresh, uploadId: await this.#calls.createMultipart(fresh) };
    this.#state = { ...this.#state, ...created };
    await this.#save();
    failpoint("object/multipart-created");
    return created;
  }

  /** What is not enough for a part, as an object; at the end, or when there are many, together with the others. */
  async #putPiece(last: boolean): Promise<void> {
    const { pieces } = this.#state;
    const joined = pieces.length > 0 && (last || pieces.length >= maxPieces);
    const key = this.#newKey();
    if (this.#buffer === undefined && !joined) {
      await this.#calls.put(key, Uint8Array.from(Buffer.concat(this.#loose)));
      this.#kept({ key, sizeBytes: this.#looseBytes }, pieces);
      return;
    }
    await this.#takeBuffer();
    const buffer = this.#buffer;
    if (buffer === undefined) throw new TypeError("a buffer was taken");
    const held = this.#heldBytes();
    if (joined) await this.#loadPieces(buffer);
    const body = buffer.subarray(joined ? 0 : held, held + this.#filled);
    await this.#calls.put(key, body);
    this.#kept({ key, sizeBytes: body.length }, joined ? [] : pieces);
    if (!joined) return;
    await this.#save();
    await this.#removePieces(pieces);
  }

  #kept(piece: Piece, before: readonly Piece[]): void {
    this.#state = { ...this.#state, pieces: [...before, piece] };
    this.#filled = 0;
    this.#loose = [];
    this.#looseBytes = 0;
  }

  async #loadPieces(buffer: Uint8Array): Promise<void> {
    let at = 0;
    for (const piece of this.#state.pieces) {
      for await (const chunk of this.#read(piece)) {
        buffer.set(chunk, at);
        at += chunk.length;
      }
    }
  }

  #read({ key, sizeBytes }: Piece): ByteSource {
    return s3Bytes(this.#calls.client, key, sizeBytes, { startBytes: 0, endBytes: sizeBytes });
  }

  /** What is left of them after a failure is found by its upload's id once that is over. */
  async #removePieces(pieces: readonly Piece[]): Promise<void> {
    await Promise.all(pieces.map(({ key }) => this.#calls.remove(key)));
  }

  async #complete(): Promise<void> {
    const { key, uploadId, parts } = this.#state;
    if (key === undefined || uploadId === undefined) throw new TypeError("there is a multipart upload");
    if (await this.#calls.completeMultipart(key, uploadId, parts)) {
      failpoint("object/completed");
      return;
    }
    // Completed by an attempt whose answer or record was lost.
    if ((await this.#calls.size(key)) !== this.sizeBytes) throw storageFailed(`the parts of ${key} are gone`);
  }

  #newKey(): ObjectName {
    return `blobs/${this.#id}/${crypto.randomUUID().slice(0, 8)}`;
  }
}
