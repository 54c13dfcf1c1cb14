import type { Database, SQLQueryBindings } from "bun:sqlite";

/** The few calls that statements are made with. `query` keeps prepared statements. */
export class Sql {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  get<Row>(sql: string, ...values: SQLQueryBindings[]): Row | undefined {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined;
  }

  all<Row>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    return this.#database.query<Row, SQLQueryBindings[]>(sql).all(...values);
  }

  /** How many rows were changed. */
  run(sql: string, ...values: SQLQueryBindings[]): number {
    return this.#database.query(sql).run(...values).changes;
  }

  /** Takes the right to write at the start: a transaction that reads first could not get it any more afterwards. */
  transact<T>(run: () => T): T {
    return this.#database.transaction(run).immediate();
  }
}
