import { databaseBusy, databaseUnusable } from "../errors.ts";
import { PostgresConnection } from "./postgres-connection.ts";
import { describePostgres } from "./postgres-settings.ts";
import type { PostgresSettings } from "./postgres-settings.ts";
import { Turns } from "./turns.ts";

/** The connections of one process: opened when they are needed, kept, and never more than the settings say. */
export class PostgresConnections {
  readonly #settings: PostgresSettings;
  readonly #waitMs: number;
  readonly #turns: Turns;
  readonly #idle: PostgresConnection[] = [];
  #closed = false;

  constructor(settings: PostgresSettings, waitMs: number) {
    this.#settings = settings;
    this.#waitMs = waitMs;
    this.#turns = new Turns(settings.connections);
  }

  /**
   * Lends a connection for as long as the work takes; one that broke meanwhile is not lent again. The work is begun
   * anew where its connection turns out to be broken before anything was answered on it. Throws
   * `registry-server/database` when none can be opened, `registry-server/database-busy` when all stayed lent.
   */
  async use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    if (this.#closed) throw databaseUnusable(describePostgres(this.#settings), new Error("it was closed"));
    if (!(await this.#turns.take(this.#waitMs))) throw databaseBusy(this.#waitMs);
    try {
      for (;;) {
        const idle = this.#takeIdle();
        const connection = idle ?? (await PostgresConnection.open(this.#settings));
        connection.lend();
        try {
          return await work(connection);
        } catch (error) {
          // One that lay idle may have been closed meanwhile, which shows when it is used: then nothing was done yet.
          if (idle === undefined || connection.usable || connection.answered) throw error;
        } finally {
          await this.#takeBack(connection);
        }
      }
    } finally {
      this.#turns.pass();
    }
  }

  /** Waits for those that are lent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const all = Array.from({ length: this.#settings.connections }, () => this.#turns.take(this.#waitMs));
    await Promise.all(all);
    await Promise.all(this.#idle.map((connection) => connection.close()));
  }

  async #takeBack(connection: PostgresConnection): Promise<void> {
    if (connection.usable) this.#idle.push(connection);
    else await connection.close();
  }

  /** The one that was used last: those that are not needed stay untouched. */
  #takeIdle(): PostgresConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.usable) return connection;
    }
  }
}
