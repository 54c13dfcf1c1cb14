import type { Query } from "./sql.ts";

/** Reads. Each query sees one state of the database, with everything that was answered as written before it. */
export interface Reader {
  /** The first row, if there is any. The caller knows what the query selects. */
  get<Row>(query: Query): Promise<Row | undefined>;
  all<Row>(query: Query): Promise<Row[]>;
}

/** Once a statement has failed, whatever it was, a transaction can only end. */
export interface Transaction extends Reader {
  /** How many rows were written or deleted: not those that a conflict left as they were, nor what went with others. */
  run(query: Query): Promise<number>;
}

/**
 * Where the registry keeps what it knows. Every implementation passes one suite
 * (`database.contract.ts`); queries are written so that both take them, and what only one takes stands in a file
 * named after it.
 *
 * Every method throws `registry-server/database` when the database cannot be reached or used. What a query does
 * wrong by itself, such as breaking a constraint, is a mistake of the program and is thrown as the driver has it.
 */
export interface Database extends Reader {
  readonly dialect: "sqlite" | "postgres";

  /**
   * Does everything of `work`, or nothing. Transactions behave as if they ran one after another, whoever runs them.
   * Once this returns, what was written survives a crash and a loss of power, and is seen by every later query; until
   * then nobody else sees any of it. When `work` throws, it is undone, and the error is thrown on.
   *
   * `work` may be run again from its beginning when others came in between, so it does nothing but talk to its
   * transaction: no network, no files, nothing kept outside, the same time of day in every run. Nor does it wait for
   * anything else: others stand in line. The transaction ends with it, and is of no use afterwards.
   *
   * Throws `registry-server/database-busy` when it could not be done within the time that the database waits for
   * others (default 10 s): then nothing was done.
   */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;

  /** Lets the transactions that have begun end. Nothing can be asked afterwards. */
  close(): Promise<void>;
}
