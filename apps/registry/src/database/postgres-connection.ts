import { Client, DatabaseError } from "pg";
import type { ClientConfig, QueryConfig } from "pg";
import { databaseUnusable } from "../errors.ts";
import { describePostgres } from "./postgres-settings.ts";
import type { PostgresSettings } from "./postgres-settings.ts";
import { isSqlList } from "./sql.ts";
import type { Query, SqlList, SqlValue } from "./sql.ts";

const connectTimeoutMs = 5000;
/** What is asked is indexed and small; the server ends what takes longer. */
const statementTimeoutMs = 15_000;
/** For a server, or a network, that says nothing at all any more. */
const answerTimeoutMs = 20_000;
/** A transaction whose process stands still is undone by the server, so that it is in nobody's way. */
const idleTransactionTimeoutMs = 30_000;

/** Mistakes of the program, not states of the database (PostgreSQL, appendix A: classes of SQLSTATE). */
const mistakes = /^(?:0A|21|22|23|42|P0)/;
/** Others came in between, or hold what is needed: what was asked may be asked again. */
const conflicts = new Set(["40001", "40P01", "55P03"]);

const sessionSettings = `
  SET statement_timeout = ${statementTimeoutMs};
  SET idle_in_transaction_session_timeout = ${idleTransactionTimeoutMs};
  -- A transaction that read a whole table would conflict with every other that writes into it.
  SET enable_seqscan = off;
  -- A plan that has to read a table all the same counts as so dear that it would be compiled.
  SET jit = off;
  -- What was answered must survive a power cut.
  SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

/** One connection to a PostgreSQL, and the statements that were prepared on it. It does one thing at a time. */
export class PostgresConnection {
  readonly #client: Client;
  readonly #name: string;
  #usable = true;
  #answered = false;

  /** Throws `registry-server/database`. */
  static async open(settings: PostgresSettings): Promise<PostgresConnection> {
    const connection = new PostgresConnection(settings);
    try {
      await connection.#attempt(() => connection.#client.connect());
      await connection.exec(sessionSettings);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  private constructor(settings: PostgresSettings) {
    this.#name = describePostgres(settings);
    this.#client = new Client(toConfig(settings));
    // Told when a connection breaks that nobody waits for; whoever does wait is told by what they wait for.
    this.#client.on("error", () => void (this.#usable = false));
    this.#client.on("end", () => void (this.#usable = false));
  }

  /** False once it is broken, or the server is one that it should not go on with. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Somebody else begins to use it. */
  lend(): void {
    this.#answered = false;
  }

  /** Whether anything was answered to whoever uses it. */
  get answered(): boolean {
    return this.#answered;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what its query selects
  async all<Row>(query: Query): Promise<Row[]> {
    return (await this.#attempt(() => this.#client.query(toStatement(query)))).rows as Row[];
  }

  async run(query: Query): Promise<number> {
    return (await this.#attempt(() => this.#client.query(toStatement(query)))).rowCount ?? 0;
  }

  /** Statements without values, one after another; answers what the last one did. `timeoutMs`: for the answer. */
  async exec(text: string, timeoutMs: number = answerTimeoutMs): Promise<string> {
    const done: unknown = await this.#attempt(() => this.#client.query(limited({ text }, timeoutMs)));
    const last: unknown = Array.isArray(done) ? done.at(-1) : done;
    return (last as { readonly command: string }).command;
  }

  /** One that is broken is no error. */
  async close(): Promise<void> {
    this.#usable = false;
    await this.#client.end().catch(() => undefined);
  }

  async #attempt<T>(step: () => Promise<T>): Promise<T> {
    try {
      const answer = await step();
      this.#answered = true;
      return answer;
    } catch (error) {
      if (mustClose(error)) this.#usable = false;
      const code = sqlStateOf(error);
      if (code !== undefined && (conflicts.has(code) || mistakes.test(code)) && !isStalePlan(error)) throw error;
      throw databaseUnusable(this.#name, error);
    }
  }
}

/** Others came in between: the same may succeed when it is run again from its beginning. */
export function isConflict(error: unknown): boolean {
  return conflicts.has(sqlStateOf(error) ?? "");
}

/** A key that is there already; another transaction may have written it meanwhile (PostgreSQL, section 13.5). */
export function isTaken(error: unknown): boolean {
  return sqlStateOf(error) === "23505";
}

/** A newer registry has changed a table: a statement that was prepared before selects other columns now. */
function isStalePlan(error: unknown): boolean {
  return sqlStateOf(error) === "0A000" && error instanceof Error && error.message.includes("cached plan");
}

/** After a failure that is not the server's answer nobody knows where a connection stands; a standby takes no changes. */
function mustClose(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  return error.severity !== "ERROR" || error.code === "25006" || isStalePlan(error);
}

function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

function toConfig({ host, port, database, user, password, tls, certificates }: PostgresSettings): ClientConfig {
  const verified = { rejectUnauthorized: true, ...(certificates === undefined ? {} : { ca: certificates }) };
  return {
    host,
    port,
    database,
    user,
    password: password ?? "",
    ssl: tls === "off" ? false : tls === "verified" ? verified : { rejectUnauthorized: false },
    application_name: "cpm-registry",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: (oid) => parsers.get(oid) ?? String },
  };
}

/** By the types' numbers in `pg_type`; all else is text. */
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [17, (text) => new Uint8Array(Buffer.from(text.slice("\\x".length), "hex"))],
  // Eight, two and four bytes: counts, sizes and times are far from 2^53.
  [20, Number],
  [21, Number],
  [23, Number],
]);

/** As many as there are texts in the program: lists and values do not change a text. */
const names = new Map<string, string>();

function toStatement(query: Query): QueryConfig {
  const text = textOf(query);
  const name = names.get(text) ?? `cpm_${names.size}`;
  names.set(text, name);
  return limited({ name, text, values: [...query.values] }, answerTimeoutMs);
}

/** The driver has a limit for each query, of which its types do not know. */
function limited(query: QueryConfig, timeoutMs: number): QueryConfig {
  return { ...query, query_timeout: timeoutMs } as QueryConfig;
}

function textOf({ parts, values }: Query): string {
  let text = parts[0] ?? "";
  for (const [index, value] of values.entries()) text += `${place(value, index + 1)}${parts[index + 1] ?? ""}`;
  return text;
}

function place(value: SqlValue | SqlList, number: number): string {
  return isSqlList(value) ? `(SELECT value FROM unnest($${number}::text[]) AS list (value))` : `$${number}`;
}
