import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { digestAlgorithm } from "@cpm/base";
import type { Hasher } from "@cpm/store";
import { createHasher, failpoint } from "@cpm/store";
import { digestInvalid, registryError } from "./errors.ts";
import type { ObjectName, ObjectStorage } from "./objects/object-storage.ts";
import type { UploadRecord, UploadRecords } from "./objects/upload-records.ts";
import { UploadSession } from "./objects/upload-session.ts";

/** What an upload became. The database is to record it, and to forget the upload, in one transaction. */
export interface FinishedUpload {
  readonly id: string;
  readonly object: ObjectName;
  readonly sizeBytes: number;
  /** The upload must still have this version in the transaction; undefined where only this process can have it. */
  readonly version: number | undefined;
}

/** False, and nothing is recorded, while an object of that name is being removed. */
export type RecordBlob = (finished: FinishedUpload) => Promise<boolean>;

export interface UploadsParts {
  readonly storage: ObjectStorage;
  readonly records: UploadRecords;
  readonly maxBlobBytes: number;
  readonly onBytes: (count: number) => void;
  /** Resolves once no object of that name is being removed. */
  readonly untilFree: (object: ObjectName) => Promise<void>;
  readonly now: () => number;
}

/** The hash of so many bytes of an upload as one writer left it. */
interface KeptHash {
  readonly version: number;
  readonly sizeBytes: number;
  readonly algorithm: DigestAlgorithm;
  readonly hasher: Hasher;
}

const maxKeptHashes = 10_000;
/** How often it is looked whether another process let go of an upload. */
const pollMs = 250;
const maxExpiryFailures = 3;

/**
 * Uploads under way: bytes go to the storage, are hashed as they come, and become a blob when the digest is right.
 * An upload survives the end of the process at every step, and any process that shares storage and database goes on
 * with it: then only its hash is computed again, by reading what is there.
 */
export class Uploads {
  readonly #parts: UploadsParts;
  readonly #hashes = new Map<string, KeptHash>();
  /** Who writes in this process. */
  readonly #writers = new Map<string, UploadSession>();
  readonly #finishing = new Set<string>();

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  /** `algorithm` is the one that the closing digest is expected to have; another costs a second reading. */
  async create(repository: string, actor: string, algorithm: DigestAlgorithm = "sha256"): Promise<UploadRecord> {
    const activeAtMs = this.#parts.now();
    const id = crypto.randomUUID();
    const fixed = { id, repository, actor, algorithm };
    const record = { ...fixed, sizeBytes: 0, state: {}, version: 0, leasedUntilMs: 0, activeAtMs };
    await this.#parts.records.create(record);
    return record;
  }

  /** Throws `registry-server/upload-unknown` for one that is not there, of another repository or another actor. */
  async find(id: string, repository: string, actor: string): Promise<UploadRecord> {
    const record = isUploadId(id) ? await this.#parts.records.load(id) : undefined;
    // Those without an actor were begun before there were any.
    if (record?.repository !== repository || !["", actor].includes(record.actor))
      throw registryError("registry-server/upload-unknown", `${repository} has no such upload`);
    return record;
  }

  /** How many bytes of it are durable. */
  async sizeBytes({ id, state }: UploadRecord): Promise<number> {
    return this.#parts.storage.stagedBytes(id, state);
  }

  /** Appends what comes and answers the new size. What arrived before a failure is kept. See `finish` for `startBytes`. */
  async append(record: UploadRecord, body: ByteSource, startBytes?: number): Promise<number> {
    const session = await this.#claim(record, startBytes);
    try {
      await this.#receive(session, body, false);
      await session.release();
      return session.sizeBytes;
    } finally {
      await this.#end(session);
    }
  }

  /**
   * Appends the last bytes, checks the digest, makes the upload a blob and has it recorded, in this order: what was
   * recorded is durable. On a mismatch nothing is kept. After any other failure the same may be asked again. One
   * request at a time writes; one that names the right `startBytes` takes over from another, because a client whose
   * connection broke is back before the server notices.
   */
  async finish(
    record: UploadRecord,
    body: ByteSource,
    digest: Digest,
    startBytes: number | undefined,
    recordBlob: RecordBlob,
  ): Promise<void> {
    const session = await this.#claim(record, startBytes);
    const { id } = record;
    try {
      await this.#receive(session, body, true);
      failpoint("upload/received");
      this.#finishing.add(id);
      const actual = await this.#digest(session, digestAlgorithm(digest));
      if (actual !== digest) {
        await this.#forget(id, session);
        session.lose();
        throw digestInvalid("the upload", digest, actual);
      }
      failpoint("upload/hashed");
      if (session.staging.marked === undefined) await session.staging.mark(digest);
      await session.save();
      await this.#record(session, digest, recordBlob);
      failpoint("upload/recorded");
      await this.#parts.storage.settle(id, session.staging.state);
      this.#parts.records.forget(id);
      session.lose();
    } finally {
      this.#finishing.delete(id);
      await this.#end(session);
    }
  }

  /** Ends an upload and removes its bytes. Whoever writes is told that it is not theirs any more. */
  async cancel({ id }: UploadRecord): Promise<void> {
    this.#writers.get(id)?.lose();
    const current = await this.#parts.records.load(id);
    if (current === undefined) return;
    // Nobody saves a state from now on that this one does not know.
    const mine = await this.#parts.records.claim(id, current.version, 0);
    if (mine === undefined) throw uploadRange("another request is writing", await this.sizeBytes(current));
    await this.#forget(id, { state: mine.state });
  }

  /** Ends uploads of which nothing was heard for so long, at most `limit`; the answer is how many. Throws when some failed. */
  async expire(inactiveMs: number, limit = 1000): Promise<number> {
    const expired = await this.#parts.records.expired(this.#parts.now() - inactiveMs, limit);
    const failures: unknown[] = [];
    let count = 0;
    for (const record of expired) {
      if (this.#writers.has(record.id)) continue;
      try {
        await this.cancel(record);
        count++;
      } catch (error) {
        // One that cannot be ended is in the way of no other; a storage that is away, of all.
        failures.push(error);
        if (failures.length >= maxExpiryFailures) break;
      }
    }
    if (failures.length > 0) throw failures[0];
    return count;
  }

  async #claim(found: UploadRecord, startBytes: number | undefined): Promise<UploadSession> {
    const { storage, records } = this.#parts;
    const record = await this.#mayWrite(found, startBytes);
    const standing = await this.sizeBytes(record);
    if (startBytes !== undefined && startBytes !== standing)
      throw uploadRange(`the chunk begins at ${startBytes}`, standing);
    if (this.#finishing.has(record.id)) throw uploadRange("another request is writing", standing);
    const claimed = await records.claim(record.id, record.version, this.#parts.now() + UploadSession.leaseMs);
    if (claimed === undefined) throw uploadRange("another request took over this upload", standing);
    this.#writers.get(record.id)?.lose();
    const takenOver = record.leasedUntilMs > 0;
    const hash = this.#takeHash(record, standing);
    const session = await UploadSession.open(claimed, hash, { storage, records, now: this.#parts.now, takenOver });
    this.#writers.set(record.id, session);
    return session;
  }

  /**
   * One who does not say where the upload stands does not take it from another: from one of this process it is
   * refused, and of another's is waited for the end or the lapse of its lease, since that may have died.
   */
  async #mayWrite(found: UploadRecord, startBytes: number | undefined): Promise<UploadRecord> {
    const { records, storage, now } = this.#parts;
    let record = found;
    if (startBytes !== undefined) return record;
    while (this.#writers.has(record.id) || record.leasedUntilMs > now()) {
      if (!storage.shared || this.#writers.has(record.id))
        throw uploadRange("another request is writing", await this.sizeBytes(record));
      await Bun.sleep(pollMs);
      const again = await records.load(record.id);
      if (again === undefined) throw registryError("registry-server/upload-unknown", "the upload has ended");
      record = again;
    }
    return record;
  }

  /**
   * Puts the object in place and has it recorded while no object of that name is being removed. Marked as the upload is,
   * a removal that begins meanwhile leaves the object alone; see `ObjectStorage.remove`.
   */
  async #record(session: UploadSession, digest: Digest, recordBlob: RecordBlob): Promise<void> {
    const { storage, untilFree } = this.#parts;
    const version = storage.shared ? session.version : undefined;
    for (let recorded = false; !recorded;) {
      await untilFree(storage.defaultObject(digest));
      const object = await session.staging.seal();
      failpoint("upload/adopted");
      recorded = await recordBlob({ id: session.id, object, sizeBytes: session.sizeBytes, version });
    }
  }

  /** What arrived is kept, unless the storage fails as well. */
  async #receive(session: UploadSession, body: ByteSource, last: boolean): Promise<void> {
    try {
      for await (const chunk of body) {
        session.assertOurs();
        if (session.staging.marked !== undefined) throw uploadRange("the upload is complete", session.sizeBytes);
        if (session.sizeBytes + chunk.length > this.#parts.maxBlobBytes)
          throw registryError("registry-server/too-large", `a blob of more than ${this.#parts.maxBlobBytes} bytes`);
        await session.write(chunk);
        this.#parts.onBytes(chunk.length);
      }
    } catch (error) {
      if (session.isOurs) {
        await session.staging.flush(false);
        await session.release();
      }
      throw error;
    }
    session.assertOurs();
    if (session.staging.marked === undefined) await session.staging.flush(last);
  }

  async #digest(session: UploadSession, algorithm: DigestAlgorithm): Promise<Digest> {
    const { staging } = session;
    if (staging.marked !== undefined) return staging.marked;
    const known = session.takeHasher(algorithm);
    if (known !== undefined) return known.digest();
    // The state is kept first: to hash many bytes takes long.
    await session.save();
    const hasher = createHasher(algorithm);
    for await (const chunk of staging.written()) hasher.update(chunk);
    return hasher.digest();
  }

  async #forget(id: string, { state }: Pick<UploadRecord, "state">): Promise<void> {
    await this.#parts.storage.discard(id, state);
    await this.#parts.records.remove(id);
    this.#hashes.delete(id);
  }

  async #end(session: UploadSession): Promise<void> {
    await session.close();
    if (this.#writers.get(session.id) === session) this.#writers.delete(session.id);
    const { hash } = session;
    if (hash === undefined) return;
    this.#hashes.set(session.id, { ...hash, version: session.version, sizeBytes: session.sizeBytes });
    const oldest = this.#hashes.size > maxKeptHashes ? this.#hashes.keys().next().value : undefined;
    if (oldest !== undefined) this.#hashes.delete(oldest);
  }

  /** Of exactly these bytes: another process may have gone on meanwhile. */
  #takeHash(record: UploadRecord, standing: number): Pick<KeptHash, "algorithm" | "hasher"> | undefined {
    const { algorithm } = record;
    if (standing === 0) return { algorithm, hasher: createHasher(algorithm) };
    const kept = this.#hashes.get(record.id);
    this.#hashes.delete(record.id);
    return kept?.version === record.version && kept.sizeBytes === standing ? kept : undefined;
  }
}

function isUploadId(id: string): boolean {
  return /^[0-9a-f-]{36}$/.test(id);
}

function uploadRange(what: string, sizeBytes: number) {
  return registryError("registry-server/upload-range", `${what}; the upload stands at ${sizeBytes}`, { sizeBytes });
}
