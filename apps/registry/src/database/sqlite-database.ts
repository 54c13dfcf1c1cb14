import { chmodSync } from "node:fs";
import { databaseBusy } from "../errors.ts";
import type { Database, Transaction } from "./database.ts";
import { sql } from "./sql.ts";
import type { Query } from "./sql.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { migrate, needsMigration } from "./sqlite-migrations.ts";
import { Turns } from "./turns.ts";

const defaultWaitMs = 10_000;
const longestPauseMs = 50;

/**
 * Opens or makes the database, which several processes may have open: a server, and commands beside it. Throws
 * `registry-server/database`, and `registry-server/layout-version` for a newer one.
 */
export async function openSqliteDatabase(path: string, waitMs: number = defaultWaitMs): Promise<SqliteDatabase> {
  const writer = openConnection(path, waitMs);
  let database: SqliteDatabase | undefined;
  try {
    // It holds the hashes of passwords and the key of access tokens.
    chmodSync(path, 0o600);
    const reader = openConnection(path, waitMs);
    reader.exec("PRAGMA query_only = ON");
    // From here on it waits by itself: a wait within SQLite would stop everything else of the process.
    writer.exec("PRAGMA busy_timeout = 0");
    database = new SqliteDatabase(reader, writer, waitMs);
    await database.migrate();
    return database;
  } catch (error) {
    await database?.close();
    writer.close();
    throw error;
  }
}

function openConnection(path: string, waitMs: number): SqliteConnection {
  const connection = new SqliteConnection(path, waitMs);
  try {
    connection.exec("PRAGMA journal_mode = WAL");
    // What was answered must survive a power cut.
    connection.exec("PRAGMA synchronous = FULL");
    connection.exec("PRAGMA foreign_keys = ON");
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * An SQLite file, by two connections: one reads, and sees what was committed; one writes, a transaction at a time, so
 * that the steps of one are never among those of another.
 */
export class SqliteDatabase implements Database {
  readonly dialect = "sqlite";
  readonly #reader: SqliteConnection;
  readonly #writer: SqliteConnection;
  readonly #waitMs: number;
  readonly #turns = new Turns();

  constructor(reader: SqliteConnection, writer: SqliteConnection, waitMs: number) {
    this.#reader = reader;
    this.#writer = writer;
    this.#waitMs = waitMs;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  async get<Row>(query: Query): Promise<Row | undefined> {
    return this.#reader.get<Row>(query);
  }

  async all<Row>(query: Query): Promise<Row[]> {
    return this.#reader.all<Row>(query);
  }

  async transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#inTurn(async (deadline) => {
      await this.#begin(deadline);
      const transaction = new SqliteTransaction(this.#writer);
      try {
        const result = await work(transaction);
        this.#writer.exec("COMMIT");
        return result;
      } finally {
        transaction.end();
        // Some failures, such as of a full disk, have undone everything already.
        if (this.#writer.inTransaction) this.#writer.exec("ROLLBACK");
      }
    });
  }

  /** Brings it to the newest version of the schema. Those who open it at once do this one after another. */
  async migrate(): Promise<void> {
    if (!needsMigration(this.#reader)) return;
    await this.transact(async () => migrate(this.#writer));
  }

  /** Writes a whole copy, as of one moment, to a path where nothing is. */
  async copyTo(path: string): Promise<void> {
    await this.#inTurn(async () => this.#writer.run(sql`VACUUM INTO ${path}`));
  }

  async close(): Promise<void> {
    await this.#turns.take(this.#waitMs);
    this.#reader.close();
    this.#writer.close();
    this.#turns.pass();
  }

  /** `deadline` is on the process's own clock, in milliseconds. */
  async #inTurn<T>(work: (deadline: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#waitMs;
    if (!(await this.#turns.take(this.#waitMs))) throw databaseBusy(this.#waitMs);
    try {
      return await work(deadline);
    } finally {
      this.#turns.pass();
    }
  }

  /** Another process may be writing. */
  async #begin(deadline: number): Promise<void> {
    for (let pauseMs = 1; !this.#writer.tryBegin(); pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      if (performance.now() >= deadline) throw databaseBusy(this.#waitMs);
      await Bun.sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}

class SqliteTransaction implements Transaction {
  #connection: SqliteConnection | undefined;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  async get<Row>(query: Query): Promise<Row | undefined> {
    return this.#open().get<Row>(query);
  }

  async all<Row>(query: Query): Promise<Row[]> {
    return this.#open().all<Row>(query);
  }

  async run(query: Query): Promise<number> {
    return this.#open().run(query);
  }

  end(): void {
    this.#connection = undefined;
  }

  #open(): SqliteConnection {
    if (this.#connection === undefined) throw new TypeError("a transaction was used after its end");
    return this.#connection;
  }
}
