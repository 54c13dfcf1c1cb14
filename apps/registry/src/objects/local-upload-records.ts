import type { UploadProgress, UploadRecord, UploadRecords } from "./upload-records.ts";

/** How long an upload may be busy before the database hears of it: far less than any time after which it expires. */
const quietMs = 10 * 60_000;

/**
 * For a storage that one process has, and that says itself where an upload stands: who writes is then known in
 * memory, and a chunk costs no transaction. Uploads begin and end in the database, which also hears now and then
 * that one is alive. After a restart nobody writes, and the storage is asked.
 */
export class LocalUploadRecords implements UploadRecords {
  readonly #records: UploadRecords;
  readonly #live = new Map<string, UploadRecord>();
  /** When the database was last told. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(records: UploadRecords) {
    this.#records = records;
  }

  async create(record: UploadRecord): Promise<void> {
    await this.#records.create(record);
    this.#live.set(record.id, record);
    this.#toldAtMs.set(record.id, record.activeAtMs);
  }

  async load(id: string): Promise<UploadRecord | undefined> {
    const live = this.#live.get(id);
    if (live !== undefined) return live;
    const record = await this.#records.load(id);
    // Meanwhile another request may have loaded it, and claimed it.
    const now = this.#live.get(id);
    if (record === undefined || now !== undefined) return now;
    const idle = { ...record, leasedUntilMs: 0 };
    this.#live.set(id, idle);
    this.#toldAtMs.set(id, record.activeAtMs);
    return idle;
  }

  async claim(id: string, version: number, leasedUntilMs: number): Promise<UploadRecord | undefined> {
    await this.load(id);
    // Compared and set in one turn of the loop.
    const record = this.#live.get(id);
    if (record?.version !== version) return undefined;
    const claimed = { ...record, version: version + 1, leasedUntilMs };
    this.#live.set(id, claimed);
    return claimed;
  }

  async save(id: string, version: number, progress: UploadProgress): Promise<boolean> {
    const record = this.#live.get(id);
    if (record?.version !== version) return false;
    const saved = { ...record, ...progress };
    this.#live.set(id, saved);
    if (progress.activeAtMs - (this.#toldAtMs.get(id) ?? 0) < quietMs) return true;
    this.#toldAtMs.set(id, progress.activeAtMs);
    const stored = await this.#records.load(id);
    return stored !== undefined && (await this.#records.save(id, stored.version, { ...progress, leasedUntilMs: 0 }));
  }

  async remove(id: string): Promise<void> {
    this.forget(id);
    await this.#records.remove(id);
  }

  forget(id: string): void {
    this.#live.delete(id);
    this.#toldAtMs.delete(id);
  }

  async expired(inactiveSinceMs: number, limit: number): Promise<readonly UploadRecord[]> {
    const candidates = await this.#records.expired(inactiveSinceMs, limit);
    return candidates
      .map((record) => this.#live.get(record.id) ?? record)
      .filter((record) => record.activeAtMs < inactiveSinceMs);
  }
}
