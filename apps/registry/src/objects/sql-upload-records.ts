import type { DigestAlgorithm } from "@cpm/base";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { UploadProgress, UploadRecord, UploadRecords } from "./upload-records.ts";

interface UploadRow {
  readonly id: string;
  readonly repository: string;
  readonly actor: string;
  readonly algorithm: DigestAlgorithm;
  readonly size_bytes: number;
  readonly state: string;
  readonly version: number;
  readonly leased_until: number;
  readonly active_at: number;
}

const columns = sql`id, repository, actor, algorithm, size_bytes, state, version, leased_until, active_at`;

/** In the table `uploads`. Every change is a transaction, and says what it expects to find. */
export class SqlUploadRecords implements UploadRecords {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(record: UploadRecord): Promise<void> {
    const { id, repository, actor, algorithm, sizeBytes, version, leasedUntilMs, activeAtMs } = record;
    const state = JSON.stringify(record.state);
    await this.#database.transact((transaction) =>
      transaction.run(sql`
        INSERT INTO uploads (${columns}, created_at) VALUES (${id}, ${repository}, ${actor}, ${algorithm}, ${sizeBytes},
          ${state}, ${version}, ${leasedUntilMs}, ${activeAtMs}, ${activeAtMs})`),
    );
  }

  async load(id: string): Promise<UploadRecord | undefined> {
    const row = await this.#database.get<UploadRow>(sql`SELECT ${columns} FROM uploads WHERE id = ${id}`);
    return row === undefined ? undefined : toRecord(row);
  }

  async claim(id: string, version: number, leasedUntilMs: number): Promise<UploadRecord | undefined> {
    const row = await this.#database.transact((transaction) =>
      transaction.get<UploadRow>(sql`
        UPDATE uploads SET version = version + 1, leased_until = ${leasedUntilMs}
        WHERE id = ${id} AND version = ${version} RETURNING ${columns}`),
    );
    return row === undefined ? undefined : toRecord(row);
  }

  async save(id: string, version: number, progress: UploadProgress): Promise<boolean> {
    const { sizeBytes, leasedUntilMs, activeAtMs } = progress;
    const state = JSON.stringify(progress.state);
    const saved = await this.#database.transact((transaction) =>
      transaction.run(sql`
        UPDATE uploads SET size_bytes = ${sizeBytes}, state = ${state}, leased_until = ${leasedUntilMs},
          active_at = ${activeAtMs} WHERE id = ${id} AND version = ${version}`),
    );
    return saved > 0;
  }

  async remove(id: string): Promise<void> {
    await this.#database.transact((transaction) => transaction.run(sql`DELETE FROM uploads WHERE id = ${id}`));
  }

  forget(): void {}

  async expired(inactiveSinceMs: number, limit: number): Promise<readonly UploadRecord[]> {
    const rows = await this.#database.all<UploadRow>(sql`
      SELECT ${columns} FROM uploads WHERE active_at < ${inactiveSinceMs} ORDER BY active_at LIMIT ${limit}`);
    return rows.map(toRecord);
  }
}

function toRecord(row: UploadRow): UploadRecord {
  return {
    id: row.id,
    repository: row.repository,
    actor: row.actor,
    algorithm: row.algorithm,
    sizeBytes: row.size_bytes,
    state: JSON.parse(row.state) as UploadRecord["state"],
    version: row.version,
    leasedUntilMs: row.leased_until,
    activeAtMs: row.active_at,
  };
}
