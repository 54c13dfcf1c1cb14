import type { UploadProgress, UploadRecord, UploadRecords } from "./upload-records.ts";

/** In memory, for as long as the process lives. */
export class MemoryUploadRecords implements UploadRecords {
  readonly #records = new Map<string, UploadRecord>();

  async create(record: UploadRecord): Promise<void> {
    this.#records.set(record.id, record);
  }

  async load(id: string): Promise<UploadRecord | undefined> {
    return this.#records.get(id);
  }

  async claim(id: string, version: number, leasedUntilMs: number): Promise<UploadRecord | undefined> {
    const record = this.#records.get(id);
    if (record?.version !== version) return undefined;
    const claimed = { ...record, version: version + 1, leasedUntilMs };
    this.#records.set(id, claimed);
    return claimed;
  }

  async save(id: string, version: number, progress: UploadProgress): Promise<boolean> {
    const record = this.#records.get(id);
    if (record?.version !== version) return false;
    this.#records.set(id, { ...record, ...progress });
    return true;
  }

  async remove(id: string): Promise<void> {
    this.#records.delete(id);
  }

  forget(id: string): void {
    this.#records.delete(id);
  }

  async expired(inactiveSinceMs: number, limit: number): Promise<readonly UploadRecord[]> {
    return [...this.#records.values()]
      .filter((record) => record.activeAtMs < inactiveSinceMs)
      .toSorted((left, right) => left.activeAtMs - right.activeAtMs)
      .slice(0, limit);
  }
}
