import type { Database, Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";

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

/** A transaction that writes down what it changes: neither the change nor the record is there without the other. */
export interface AuditedTransaction extends Transaction {
  /** The same in every run of the transaction. */
  readonly now: number;
  record(change: Change): Promise<void>;
}

/** The database as everything that changes accounts or content has it: with a clock, and with a log of changes. */
export class AuditedDatabase implements Reader {
  readonly dialect: Database["dialect"];
  readonly now: () => number;
  readonly #database: Database;

  constructor(database: Database, now: () => number) {
    this.dialect = database.dialect;
    this.now = now;
    this.#database = database;
  }

  get<Row>(query: Query): Promise<Row | undefined> {
    return this.#database.get<Row>(query);
  }

  all<Row>(query: Query): Promise<Row[]> {
    return this.#database.all<Row>(query);
  }

  /** One statement that needs no record, such as that a token was used. */
  run(query: Query): Promise<number> {
    return this.#database.transact((transaction) => transaction.run(query));
  }

  /** As `transact` of the database, with records of what is changed by `author`. */
  change<T>(author: Author, work: (transaction: AuditedTransaction) => Promise<T>): Promise<T> {
    const now = this.now();
    return this.#database.transact((transaction) => work(audited(transaction, author, now)));
  }

  /** As `transact` of the database, for what nobody is named for in the log. */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact(work);
  }
}

function audited(transaction: Transaction, { actor, requestId }: Author, now: number): AuditedTransaction {
  return {
    now,
    get: (query) => transaction.get(query),
    all: (query) => transaction.all(query),
    run: (query) => transaction.run(query),
    async record({ action, subject, namespace = null, detail = {} }) {
      await transaction.run(sql`
        INSERT INTO audit (at, actor, action, namespace, subject, detail, request_id)
        VALUES (${now}, ${actor}, ${action}, ${namespace}, ${subject}, ${JSON.stringify(detail)}, ${requestId})`);
    },
  };
}
