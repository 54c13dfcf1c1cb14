import type { DigestAlgorithm } from "@cpm/base";
import type { Hasher } from "@cpm/store";
import { registryError } from "../errors.ts";
import type { ObjectStorage, StagedState, Staging } from "./object-storage.ts";
import type { UploadRecord, UploadRecords } from "./upload-records.ts";

interface Hash {
  readonly algorithm: DigestAlgorithm;
  readonly hasher: Hasher;
}

interface SessionParts {
  readonly storage: ObjectStorage;
  readonly records: UploadRecords;
  readonly now: () => number;
  readonly takenOver: boolean;
}

/** One request's hold on an upload: what it writes, the hash of it, and the lease, which is renewed while it lasts. */
export class UploadSession {
  /** How long a writer that has died keeps others out who cannot say where the upload stands. */
  static readonly leaseMs = 6000;

  readonly id: string;
  readonly version: number;
  readonly #storage: ObjectStorage;
  readonly #records: UploadRecords;
  readonly #now: () => number;
  readonly #renewal: ReturnType<typeof setInterval> | undefined;
  #staging: Staging | undefined;
  #state: StagedState;
  #hash: Hash | undefined;
  #released = false;
  #savedAtMs: number;
  #lost = false;
  #saving: Promise<unknown> = Promise.resolve();

  static async open(record: UploadRecord, hash: Hash | undefined, parts: SessionParts): Promise<UploadSession> {
    const session = new UploadSession(record, hash, parts);
    try {
      const checkpoint = (state: StagedState): Promise<void> => session.#save(state, session.#lease());
      session.#staging = await parts.storage.openStaging(record.id, record.state, checkpoint, parts.takenOver);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  private constructor(record: UploadRecord, hash: Hash | undefined, { storage, records, now }: SessionParts) {
    this.id = record.id;
    this.version = record.version;
    this.#state = record.state;
    this.#savedAtMs = now();
    this.#storage = storage;
    this.#records = records;
    this.#now = now;
    this.#hash = hash;
    this.#renewal = storage.shared ? setInterval(() => this.#renew(), UploadSession.leaseMs / 3) : undefined;
  }

  get staging(): Staging {
    if (this.#staging === undefined) throw new TypeError("the session is open");
    return this.#staging;
  }

  get sizeBytes(): number {
    return this.staging.sizeBytes;
  }

  get state(): StagedState {
    return this.staging.state;
  }

  /** Of everything that was released; undefined when it has to be read for it. */
  get hash(): Hash | undefined {
    return this.#released && !this.#lost ? this.#hash : undefined;
  }

  get isOurs(): boolean {
    return !this.#lost;
  }

  /** Another request took over. */
  lose(): void {
    this.#lost = true;
  }

  assertOurs(): void {
    if (this.#lost) throw registryError("registry-server/upload-range", "another request took over this upload");
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.staging.write(chunk);
    this.#hash?.hasher.update(chunk);
    // A storage without checkpoints of its own: the record hears that the upload is alive.
    if (this.#now() - this.#savedAtMs > UploadSession.leaseMs) await this.#save(this.#state, this.#lease());
  }

  async save(): Promise<void> {
    await this.#save(this.staging.state, this.#lease());
  }

  /** Saves, and lets others write. */
  async release(): Promise<void> {
    await this.#save(this.staging.state, 0);
    this.#released = true;
  }

  /** The hasher, if it is of that algorithm; whoever has taken it ends it. */
  takeHasher(algorithm: DigestAlgorithm): Hasher | undefined {
    const hash = this.#hash;
    this.#hash = undefined;
    return hash?.algorithm === algorithm ? hash.hasher : undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#staging?.close();
    // After a failure what was saved last is where others go on. If this fails as well, the lease lapses.
    if (!this.#released && !this.#lost) await this.#save(this.#state, 0).catch(() => undefined);
  }

  #lease(): number {
    return this.#now() + UploadSession.leaseMs;
  }

  /** A renewal that fails is told to whoever writes next: the lease lapses meanwhile. */
  #renew(): void {
    this.#save(this.#state, this.#lease()).catch(() => undefined);
  }

  /** One after the other, so that an older state never replaces a newer one. */
  async #save(state: StagedState, leasedUntilMs: number): Promise<void> {
    this.#state = state;
    const saving = this.#saveAfter(this.#saving, leasedUntilMs);
    this.#saving = saving.catch(() => undefined);
    await saving;
  }

  async #saveAfter(before: Promise<unknown>, leasedUntilMs: number): Promise<void> {
    await before;
    this.assertOurs();
    const activeAtMs = this.#now();
    const sizeBytes = await this.#storage.stagedBytes(this.id, this.#state);
    const progress = { sizeBytes, state: this.#state, leasedUntilMs, activeAtMs };
    if (!(await this.#records.save(this.id, this.version, progress))) this.lose();
    this.assertOurs();
    this.#savedAtMs = activeAtMs;
  }
}
