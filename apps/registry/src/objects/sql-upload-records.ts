import type { Database } from "bun:sqlite";
import type { DigestAlgorithm } from "@cpm/base";
import { Sql } from "../statements.ts";
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

const columns = "id, repository, actor, algorithm, size_bytes, state, version, leased_until, active_at";

/** In the table `uploads`. Every statement is a transaction, and says what it expects to find. */
export class SqlUploadRecords implements UploadRecords {
  readonly #sql: Sql;

  constructor(database: Database) {
    this.#sql = new Sql(database);
  }

  async create(record: UploadRecord): Promise<void> {
    this.#sql.run(
      `INSERT INTO uploads (${columns}, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      record.id,
      record.repository,
      record.actor,
      record.algorithm,
      record.sizeBytes,
      JSON.stringify(record.state),
      record.version,
      record.leasedUntilMs,
      record.activeAtMs,
      record.activeAtMs,
    );
  }

  async load(id: string): Promise<UploadRecord | undefined> {
    const row = this.#sql.get<UploadRow>(`SELECT ${columns} FROM uploads WHERE id = ?`, id);
    return row === undefined ? undefined : toRecord(row);
  }

  async claim(id: string, version: number, leasedUntilMs: number): Promise<UploadRecord | undefined> {
    const sql = `UPDATE uploads SET version = version + 1, leased_until = ? WHERE id = ? AND version = ? RETURNING ${columns}`;
    const row = this.#sql.get<UploadRow>(sql, leasedUntilMs, id, version);
    return row === undefined ? undefined : toRecord(row);
  }

  async save(id: string, version: number, progress: UploadProgress): Promise<boolean> {
    const { sizeBytes, state, leasedUntilMs, activeAtMs } = progress;
    const sql =
      "UPDATE uploads SET size_bytes = ?, state = ?, leased_until = ?, active_at = ? WHERE id = ? AND version = ?";
    return this.#sql.run(sql, sizeBytes, JSON.stringify(state), leasedUntilMs, activeAtMs, id, version) > 0;
  }

  async remove(id: string): Promise<void> {
    this.#sql.run("DELETE FROM uploads WHERE id = ?", id);
  }

  forget(): void {}

  async expired(inactiveSinceMs: number, limit: number): Promise<readonly UploadRecord[]> {
    const sql = `SELECT ${columns} FROM uploads WHERE active_at < ? ORDER BY active_at LIMIT ?`;
    return this.#sql.all<UploadRow>(sql, inactiveSinceMs, limit).map(toRecord);
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
