import { subjectOf } from "../changes/change-event.ts";
import type { ChangeEvent } from "../changes/change-event.ts";
import type { Database, Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { queueDeliveries } from "../webhooks/queue-delivery.ts";

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
  /** Tells readers of the feed and webhooks, beside the record. */
  announce(event: ChangeEvent): Promise<void>;
}

/** The database as everything that changes accounts or content has it: with a clock, and with a log of changes. */
export class AuditedDatabase implements Reader {
  readonly dialect: Database["dialect"];
  readonly now: () => number;
  readonly #database: Database;
  readonly #onAnnounced: () => void;

  /** `onAnnounced` is called after a change was committed of which readers of the feed are told. */
  constructor(database: Database, now: () => number, onAnnounced: () => void = () => undefined) {
    this.dialect = database.dialect;
    this.now = now;
    this.#database = database;
    this.#onAnnounced = onAnnounced;
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
  async change<T>(author: Author, work: (transaction: AuditedTransaction) => Promise<T>): Promise<T> {
    const now = this.now();
    let announced = false;
    const result = await this.#database.transact((transaction) => {
      announced = false;
      return work(audited(transaction, author, now, () => (announced = true)));
    });
    if (announced) this.#onAnnounced();
    return result;
  }

  /** As `transact` of the database, for what nobody is named for in the log. */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact(work);
  }
}

function audited(
  transaction: Transaction,
  { actor, requestId }: Author,
  now: number,
  onAnnounce: () => void,
): AuditedTransaction {
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
    async announce(event) {
      onAnnounce();
      const { kind, detail = {} } = event;
      const subject = subjectOf(event);
      const namespace = subject.split("/", 1)[0] ?? subject;
      await transaction.run(sql`
        INSERT INTO changes (at, kind, namespace, name, detail)
        VALUES (${now}, ${kind}, ${namespace}, ${subject}, ${JSON.stringify(detail)})`);
      await queueDeliveries(transaction, namespace, event, now);
    },
  };
}
