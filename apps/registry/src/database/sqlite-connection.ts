import { Database as SqliteFile, SQLiteError } from "bun:sqlite";
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import { databaseUnusable } from "../errors.ts";
import { isSqlList } from "./sql.ts";
import type { Query } from "./sql.ts";

/** Mistakes of the program, not states of the database. */
const mistakes = /^SQLITE_(ERROR|CONSTRAINT|MISMATCH|MISUSE|RANGE|TOOBIG)/;

/** One connection to an SQLite file, and the statements that were prepared on it. It does one thing at a time. */
export class SqliteConnection {
  readonly #file: SqliteFile;
  readonly #path: string;
  #closed = false;
  /** As many as there are texts in the program: lists and values do not change a text. */
  readonly #statements = new Map<string, Statement>();

  /** Throws `registry-server/database`. */
  constructor(path: string, busyTimeoutMs: number) {
    this.#path = path;
    this.#file = this.#attempt(() => new SqliteFile(path, { create: true, strict: true }));
    this.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  get<Row>(query: Query): Row | undefined {
    return this.#attempt(() => (this.#prepare(query).get(...bindings(query)) as Row | null) ?? undefined);
  }

  all<Row>(query: Query): Row[] {
    return this.#attempt(() => this.#prepare(query).all(...bindings(query)) as Row[]);
  }

  run(query: Query): number {
    return this.#attempt(() => this.#prepare(query).run(...bindings(query)).changes);
  }

  /** Statements without values, as a migration has them. */
  exec(text: string): void {
    this.#attempt(() => this.#file.run(text));
  }

  /** True when it was done, false when another process writes. */
  tryBegin(): boolean {
    this.#assertOpen();
    try {
      // Takes the right to write now: who reads first could not get it any more afterwards.
      this.#file.run("BEGIN IMMEDIATE");
      return true;
    } catch (error) {
      if (error instanceof SQLiteError && error.code?.startsWith("SQLITE_BUSY") === true) return false;
      throw toError(error, this.#path);
    }
  }

  get inTransaction(): boolean {
    return this.#file.inTransaction;
  }

  close(): void {
    this.#closed = true;
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#file.close();
  }

  #prepare(query: Query): Statement {
    const text = textOf(query);
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#file.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  #attempt<T>(step: () => T): T {
    this.#assertOpen();
    try {
      return step();
    } catch (error) {
      throw toError(error, this.#path);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw databaseUnusable(this.#path, new Error("it was closed"));
  }
}

function toError(error: unknown, path: string): unknown {
  const ofDatabase = error instanceof SQLiteError && !mistakes.test(error.code ?? "");
  return ofDatabase ? databaseUnusable(path, error) : error;
}

function textOf({ parts, values }: Query): string {
  let text = parts[0] ?? "";
  for (const [index, value] of values.entries()) {
    const place = `?${index + 1}`;
    text += isSqlList(value) ? `(SELECT value FROM json_each(${place}))` : place;
    text += parts[index + 1] ?? "";
  }
  return text;
}

function bindings({ values }: Query): SQLQueryBindings[] {
  return values.map((value) => (isSqlList(value) ? JSON.stringify(value) : value));
}
