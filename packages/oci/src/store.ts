import type { ByteSource, CancelSignal, Digest } from "@cpm/base";
import type { Descriptor } from "./descriptor.ts";

/**
 * The store: content by digest, manifests by reference. It is what publish, pull, mirror, bundle and node
 * placement copy from and to, so a directory, memory, a registry and an agent all implement it and pass one
 * suite (`store.contract.ts` in packages/store). It lives on this rung because adapters on one rung may not
 * import each other.
 *
 * One `Store` is one repository's view. Two views of one directory or one registry share their blobs where
 * the implementation can.
 *
 * Promises that every implementation keeps:
 *
 * - Content becomes visible only when it is whole and its digest and size have been checked. A reader never
 *   sees part of a blob, also after a crash.
 * - Writing what is already there succeeds and changes nothing.
 * - Reading promises nothing about the bytes beyond the descriptor's size: whoever uses them checks the digest
 *   (`verifiedBytes` in packages/store, or an ingest's commit).
 * - Absence is an answer (`undefined`), not an error. Everything else throws a `CpmError`.
 * - An aborted signal rejects with the signal's reason; what was ingested stays resumable.
 */
export interface Store {
  /** The size of a blob or manifest held here; undefined when it is not. */
  stat(digest: Digest, options?: CallOptions): Promise<{ sizeBytes: number } | undefined>;

  /**
   * The bytes of a blob or manifest, from `offsetBytes` (default 0) for `lengthBytes` (default: to the end).
   * Throws `store/not-found` at the first read when the store does not hold it.
   */
  read(content: Descriptor, options?: ReadOptions): ByteSource;

  /**
   * Opens the ingest of one piece of content. At most one is open for a digest at a time in this process: a
   * second caller waits for the first and then finds the content present. Returns undefined when the store
   * already holds the content.
   */
  ingest(content: Descriptor, options?: CallOptions): Promise<Ingest | undefined>;

  /** The descriptor that a tag points to; undefined when there is no such tag. */
  resolve(tag: string, options?: CallOptions): Promise<Descriptor | undefined>;

  /**
   * Stores a manifest or index, exactly these bytes, and points `tags` at it in the same step. Its digest must
   * be the descriptor's (`store/digest-mismatch`), everything it refers to must be here (`store/incomplete`),
   * except its `subject`.
   */
  putManifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    tags?: readonly string[],
    options?: CallOptions,
  ): Promise<void>;

  /** All tags, in byte order. */
  tags(options?: CallOptions): Promise<readonly string[]>;

  /** Removes a tag; the content stays. False when there was none. */
  untag(tag: string, options?: CallOptions): Promise<boolean>;

  /**
   * Descriptors of the manifests whose `subject` is this digest, with their annotations and artifact type,
   * in byte order of their digests; narrowed to one artifact type where it is given.
   */
  referrers(subject: Digest, artifactType?: string, options?: CallOptions): Promise<readonly Descriptor[]>;
}

/** The half of a store that one can only read from, such as a packed file. */
export type StoreReader = Pick<Store, "stat" | "read" | "resolve" | "tags" | "referrers">;

export interface CallOptions {
  readonly signal?: CancelSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  readonly offsetBytes?: number;
  readonly lengthBytes?: number;
}

/**
 * A write in progress. Nothing of it is visible to readers before `commit` returns. Whoever opened it must
 * end it with exactly one of `commit`, `suspend` or `discard`.
 */
export interface Ingest {
  /** How many bytes an earlier attempt left that were kept: the next `write` continues there. */
  readonly offsetBytes: number;

  /** Appends. Rejects with `store/too-long` at the first byte beyond the descriptor's size. */
  write(chunk: Uint8Array): Promise<void>;

  /**
   * Checks size and digest, makes the content durable and visible. On `store/digest-mismatch` the bytes are
   * dropped; on `store/too-short` they are kept for a resume.
   */
  commit(): Promise<void>;

  /** Ends the write but keeps what was written, as far as the implementation can, for a later `ingest`. */
  suspend(): Promise<void>;

  /** Ends the write and drops what was written. */
  discard(): Promise<void>;
}
