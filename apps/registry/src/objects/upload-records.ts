import type { DigestAlgorithm } from "@cpm/base";
import type { StagedState } from "./object-storage.ts";

/** Where an upload stands: all that another replica needs to go on with it. */
export interface UploadRecord {
  readonly id: string;
  readonly repository: string;
  /** Whose it is: nobody else goes on with it. Empty for uploads from before there were users. */
  readonly actor: string;
  /** The algorithm that the closing digest is expected to have. */
  readonly algorithm: DigestAlgorithm;
  /** How many bytes are durable, as the storage said when this was saved. */
  readonly sizeBytes: number;
  readonly state: StagedState;
  /** One more with each writer: who has an older one has lost the upload. */
  readonly version: number;
  /** Until when nobody else may write who cannot say where the upload stands; 0: nobody writes. */
  readonly leasedUntilMs: number;
  readonly activeAtMs: number;
}

/** What a writer may change while the upload is theirs. */
export type UploadProgress = Pick<UploadRecord, "sizeBytes" | "state" | "leasedUntilMs" | "activeAtMs">;

/**
 * The uploads under way, as the database has them. Every method is one transaction: what it returned is durable.
 * Writers never wait for one another here: who comes second learns it from `false` or `undefined`.
 */
export interface UploadRecords {
  create(record: UploadRecord): Promise<void>;
  load(id: string): Promise<UploadRecord | undefined>;
  /** Makes the upload the caller's by raising the version; undefined when it has another by now, or is gone. */
  claim(id: string, version: number, leasedUntilMs: number): Promise<UploadRecord | undefined>;
  /** False, and nothing is saved, when the upload has another version or is gone. */
  save(id: string, version: number, progress: UploadProgress): Promise<boolean>;
  /** One that is gone is no error. */
  remove(id: string): Promise<void>;
  /** It was removed by the transaction that recorded the blob. */
  forget(id: string): void;
  /** Uploads of which nothing was heard since, the oldest first. */
  expired(inactiveSinceMs: number, limit: number): Promise<readonly UploadRecord[]>;
}
