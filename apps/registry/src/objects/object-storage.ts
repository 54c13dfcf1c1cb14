import type { ByteSource, Digest } from "@cpm/base";

/** The name of an object in its storage, as the database keeps it beside a digest. */
export type ObjectName = string;

/** What a storage has to know of an upload in a later request, on whatever replica: JSON, and its own business. */
export type StagedState = Readonly<Record<string, unknown>>;

/** Called when more bytes became durable. Throws when the upload is somebody else's by now; then nothing is done. */
export type Checkpoint = (state: StagedState) => Promise<void>;

/** How long an address of the storage may be used: enough for a slow client to begin with a large blob. */
export const presignedS: number = 15 * 60;

/** Bytes `startBytes` to `endBytes`, the last one excluded. */
export interface ByteRange {
  readonly startBytes: number;
  readonly endBytes: number;
}

export interface StoredObject {
  readonly object: ObjectName;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/**
 * Where the bytes of blobs are. What an object is worth is known by the database alone: a storage knows no digests
 * of others, hands out no object before it is whole, and never changes one. Every method may be repeated after a
 * failure at any point. All throw `registry-server/storage` when the storage cannot be reached or misbehaves, which
 * passes, and errors of files (`store/io`, `store/no-space`); after either nothing half-done is seen.
 */
export interface ObjectStorage {
  /** Whether several processes may have it at a time. Where not, what an upload is at need not be in the database. */
  readonly shared: boolean;

  /**
   * Goes on with an upload, or begins it with the state `{}`. `takenOver`: whoever had it before may still be
   * writing, and must not be able to harm what is written from now on. Whoever opens closes.
   */
  openStaging(id: string, state: StagedState, checkpoint: Checkpoint, takenOver: boolean): Promise<Staging>;
  /** How many bytes of an upload are durable, without opening it. */
  stagedBytes(id: string, state: StagedState): Promise<number>;
  /** Removes all bytes of an upload that does not become a blob. One that is not there is no error. */
  discard(id: string, state: StagedState): Promise<void>;
  /** Removes what is left of an upload that became a blob and was recorded. */
  settle(id: string, state: StagedState): Promise<void>;

  /** The object of a blob for which the database names none, as in data directories of earlier versions. */
  defaultObject(digest: Digest): ObjectName;
  /**
   * A body to answer with, exactly the range of an object of that size, read as fast as it is taken. Throws
   * `registry-server/content-lost` when it is not there or has another size. What ends too early fails, and is never
   * a short body.
   */
  body(object: ObjectName, sizeBytes: number, range: ByteRange): Promise<Blob | ReadableStream<Uint8Array>>;
  /** The same, for a reader in this process. Each chunk is valid for good. */
  read(object: ObjectName, sizeBytes: number, range?: ByteRange): ByteSource;
  /** An address that gives the object to anybody who has it, for GET only; undefined where there is no such thing. */
  presign(object: ObjectName, expiryS: number): Promise<string | undefined>;

  /**
   * Keeps what an object has aside, where no method but a person finds it, and answers where; undefined when it was not
   * there. What is kept stays whatever becomes of the object. The object itself is left in its place: somebody may be
   * putting the right bytes there. The same label is the same place, so that this can be repeated.
   */
  quarantine(object: ObjectName, label: string): Promise<string | undefined>;
  /**
   * False when it was not there, where the storage can tell. An object that a marked upload has become, or is about to,
   * is left where it is until the upload is settled or discarded.
   */
  remove(object: ObjectName): Promise<boolean>;
  /**
   * Everything that is there, in byte order, a page of at most a thousand at a time; also objects of uploads under way,
   * see `uploadOf`. What comes and goes meanwhile may be on a page or not.
   */
  pages(): AsyncIterable<readonly StoredObject[]>;
  /** The upload that an object was made by: while that is under way, the object may not be collected. */
  uploadOf(object: ObjectName): string | undefined;
  /** Writes, reads and removes something small. Throws what is wrong. */
  check(): Promise<void>;
}

/** What the names of all places begin with where objects are kept aside. */
export const quarantinePrefix = "quarantine/";

/** An upload that one request goes on with. */
export interface Staging {
  /** Everything written, of this request and those before. */
  readonly sizeBytes: number;
  /** The digest that was marked: the bytes are complete and have it. */
  readonly marked: Digest | undefined;
  /** What `Checkpoint` or the database has to keep; as far as it says, bytes are durable. */
  readonly state: StagedState;
  /** Takes as much as it has room for, and waits before it takes more. The chunk is the storage's from now on. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes everything written durable. `last`: nothing is to follow but the end, so no room is kept for more. */
  flush(last: boolean): Promise<void>;
  /** Every byte, once flushed as the last. */
  written(): ByteSource;
  /** The bytes were found to have this digest: from the state alone it is known from now on, after a crash too. */
  mark(digest: Digest): Promise<void>;
  /** Makes the marked bytes an object. */
  seal(): Promise<ObjectName>;
  /** What was written and not flushed is lost. */
  close(): Promise<void>;
}
