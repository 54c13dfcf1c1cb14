import { Database } from "bun:sqlite";
import { isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";

/** A record of the colony, with the wire's own field names. Changed by `update` only. */
export type Row = Readonly<Record<string, JsonValue>>;

/** Where rows are kept beside memory. */
export interface Journal {
  load(table: string): Iterable<[key: string, row: Row]>;
  write(table: string, key: string, row: Row | undefined): void;
  close(): void;
}

/** Rows by key, in the order in which they came. */
export class Table {
  readonly #name: string;
  readonly #rows = new Map<string, Row>();
  readonly #journal: Journal | undefined;

  constructor(name: string, journal: Journal | undefined) {
    this.#name = name;
    this.#journal = journal;
    for (const [key, row] of journal?.load(name) ?? []) this.#rows.set(key, row);
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: string, row: Row): Row {
    this.#rows.set(key, row);
    this.#journal?.write(this.#name, key, row);
    return row;
  }

  /** The row with some fields changed. */
  update(key: string, changes: JsonObject): Row | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : this.set(key, { ...row, ...changes });
  }

  delete(key: string): boolean {
    this.#journal?.write(this.#name, key, undefined);
    return this.#rows.delete(key);
  }

  filter(keep: (row: Row) => boolean): Row[] {
    return [...this.#rows.values()].filter(keep);
  }

  find(wanted: (row: Row) => boolean): Row | undefined {
    for (const row of this.#rows.values()) if (wanted(row)) return row;
    return undefined;
  }

  deleteWhere(unwanted: (row: Row) => boolean): void {
    for (const [key, row] of this.#rows) if (unwanted(row)) this.delete(key);
  }
}

/** A journal in SQLite: one row of JSON for each record. */
export function openJournal(path: string): Journal {
  const database = new Database(path, { create: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run(
    "CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key))",
  );
  const select = database.query<{ key: string; body: string }, [string]>(
    "SELECT key, body FROM rows WHERE kind = ? ORDER BY number",
  );
  const upsert = database.query(
    "INSERT INTO rows (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
  );
  const remove = database.query("DELETE FROM rows WHERE kind = ? AND key = ?");
  return {
    *load(table) {
      for (const { key, body } of select.all(table)) {
        const row = parseJson(body);
        if (isJsonObject(row)) yield [key, row];
      }
    },
    write(table, key, row) {
      if (row === undefined) remove.run(table, key);
      else upsert.run(table, key, stringifyJson(row));
    },
    close: () => database.close(),
  };
}
