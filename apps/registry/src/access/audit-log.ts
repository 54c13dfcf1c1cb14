import { sql } from "../database/sql.ts";
import type { AuditedDatabase, Author, Change } from "./audited-database.ts";

export type { Author } from "./audited-database.ts";

export interface AuditEntry extends Change, Author {
  readonly id: number;
  readonly at: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

interface AuditRow {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly namespace: string | null;
  readonly subject: string;
  readonly detail: string;
  readonly request_id: string;
}

/**
 * Every change of what the registry has or permits, in order. Triggers of the database refuse to change or delete an
 * entry; entries are written by `AuditedDatabase`, with the change itself.
 */
export class AuditLog {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** The newest first, from before `before`; of one namespace where one is named. */
  async entries(namespace: string | undefined, before: number, limit: number): Promise<readonly AuditEntry[]> {
    const own = namespace === undefined ? sql`` : sql`namespace = ${namespace} AND`;
    const rows = await this.#database.all<AuditRow>(
      sql`SELECT * FROM audit WHERE ${own} id < ${before} ORDER BY id DESC LIMIT ${limit}`,
    );
    return rows.map(toEntry);
  }
}

function toEntry({ namespace, detail, request_id: requestId, ...row }: AuditRow): AuditEntry {
  const own = namespace === null ? {} : { namespace };
  return { ...row, ...own, detail: JSON.parse(detail) as Record<string, unknown>, requestId };
}
