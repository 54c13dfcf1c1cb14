import type { Database, SQLQueryBindings } from "bun:sqlite";
import { Sql } from "../statements.ts";

/** Who causes a change, and by which request. */
export interface Author {
  readonly actor: string;
  readonly requestId: string;
}

/** A change: what was done, to what, and where one namespace is concerned, to whose. */
export interface Change {
  readonly action: string;
  readonly subject: string;
  readonly namespace?: string;
  /** Names, digests and counts; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

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
 * entry. A record is written in the transaction of the change itself, so neither is there without the other.
 */
export class AuditLog {
  readonly #sql: Sql;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#sql = new Sql(database);
    this.#now = now;
  }

  /** Needs the transaction of the change around it. */
  record({ actor, requestId }: Author, { action, subject, namespace, detail = {} }: Change): void {
    this.#sql.run(
      "INSERT INTO audit (at, actor, action, namespace, subject, detail, request_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
      this.#now(),
      actor,
      action,
      namespace ?? null,
      subject,
      JSON.stringify(detail),
      requestId,
    );
  }

  /** The newest first, from before `before`; of one namespace where one is named. */
  entries(namespace: string | undefined, before: number, limit: number): readonly AuditEntry[] {
    const [where, values]: [string, SQLQueryBindings[]] =
      namespace === undefined ? ["", []] : ["namespace = ? AND", [namespace]];
    return this.#sql
      .all<AuditRow>(`SELECT * FROM audit WHERE ${where} id < ? ORDER BY id DESC LIMIT ?`, ...values, before, limit)
      .map(({ namespace: own, detail, request_id: requestId, ...row }) => ({
        ...row,
        ...(own === null ? {} : { namespace: own }),
        detail: JSON.parse(detail) as Record<string, unknown>,
        requestId,
      }));
  }
}
