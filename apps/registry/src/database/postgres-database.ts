import { databaseBusy } from "../errors.ts";
import type { Database, Transaction } from "./database.ts";
import { isConflict, isTaken } from "./postgres-connection.ts";
import type { PostgresConnection } from "./postgres-connection.ts";
import { PostgresConnections } from "./postgres-connections.ts";
import { isMigrated, migrate } from "./postgres-migrations.ts";
import type { PostgresSettings } from "./postgres-settings.ts";
import type { Query } from "./sql.ts";

const defaultWaitMs = 10_000;
const longestPauseMs = 50;
/** What breaks a constraint by itself does so every time; what others wrote meanwhile is seen by the next run. */
const maxTakenRuns = 3;

/**
 * Opens the database and brings it to the newest version, which any number of replicas may do at once. Throws
 * `registry-server/database`, and `registry-server/layout-version` for a newer one.
 */
export async function openPostgresDatabase(
  settings: PostgresSettings,
  waitMs: number = defaultWaitMs,
): Promise<PostgresDatabase> {
  const connections = new PostgresConnections(settings, waitMs);
  try {
    await connections.use(migrate);
    return new PostgresDatabase(connections, waitMs);
  } catch (error) {
    await connections.close();
    throw error;
  }
}

/** Whether the database has the newest schema already. Changes nothing, and throws what opening it throws. */
export async function isCurrent(settings: PostgresSettings): Promise<boolean> {
  const connections = new PostgresConnections({ ...settings, connections: 1 }, defaultWaitMs);
  try {
    return await connections.use(isMigrated);
  } finally {
    await connections.close();
  }
}

/**
 * A PostgreSQL, by a bounded number of connections. Transactions are serializable by the database itself: one that
 * others came in between of is undone and run again, until it is done or the time is over.
 */
export class PostgresDatabase implements Database {
  readonly dialect = "postgres";
  readonly #connections: PostgresConnections;
  readonly #waitMs: number;

  constructor(connections: PostgresConnections, waitMs: number) {
    this.#connections = connections;
    this.#waitMs = waitMs;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  async get<Row>(query: Query): Promise<Row | undefined> {
    return (await this.all<Row>(query))[0];
  }

  async all<Row>(query: Query): Promise<Row[]> {
    return this.#connections.use((connection) => connection.all<Row>(query));
  }

  async transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#waitMs;
    return this.#connections.use(async (connection) => {
      for (let run = 1, pauseMs = 1; ; run++, pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
        const outcome = await attempt(connection, work, deadline - performance.now());
        if ("result" in outcome) return outcome.result;
        if (isTaken(outcome.conflict) && run >= maxTakenRuns) throw outcome.conflict;
        if (performance.now() >= deadline) throw databaseBusy(this.#waitMs);
        // Those that met are not to meet again.
        await Bun.sleep(pauseMs * (0.5 + Math.random()));
      }
    });
  }

  close(): Promise<void> {
    return this.#connections.close();
  }
}

type Outcome<T> = { readonly result: T } | { readonly conflict: unknown };

/** One run of a transaction: done, or undone because of a conflict. Anything else that fails is undone and thrown. */
async function attempt<T>(
  connection: PostgresConnection,
  work: (transaction: Transaction) => Promise<T>,
  leftMs: number,
): Promise<Outcome<T>> {
  const transaction = new PostgresTransaction(connection);
  try {
    await connection.exec(
      `BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL lock_timeout = ${Math.max(1, Math.ceil(leftMs))}`,
    );
    const result = await work(transaction);
    transaction.end();
    // Where a statement failed that the work made nothing of, the database undoes, and says so.
    if ((await connection.exec("COMMIT")) !== "COMMIT") throw new TypeError("a transaction went on after a failure");
    return { result };
  } catch (error) {
    transaction.end();
    if (connection.usable) await connection.exec("ROLLBACK");
    const conflict = transaction.conflict ?? (isConflict(error) ? error : undefined);
    if (conflict === undefined) throw error;
    return { conflict };
  }
}

class PostgresTransaction implements Transaction {
  #connection: PostgresConnection | undefined;
  /** The first failure that may be of others' making, whatever the work made of it. */
  conflict: unknown;

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  async get<Row>(query: Query): Promise<Row | undefined> {
    return (await this.all<Row>(query))[0];
  }

  async all<Row>(query: Query): Promise<Row[]> {
    return this.#step((connection) => connection.all<Row>(query));
  }

  async run(query: Query): Promise<number> {
    return this.#step((connection) => connection.run(query));
  }

  end(): void {
    this.#connection = undefined;
  }

  async #step<T>(step: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    if (this.#connection === undefined) throw new TypeError("a transaction was used after its end");
    try {
      return await step(this.#connection);
    } catch (error) {
      if (isConflict(error) || isTaken(error)) this.conflict ??= error;
      throw error;
    }
  }
}
