import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, preparePostgres } from "@cpm/dev-colony/real-colony";
import { openPostgresDatabase } from "@cpm/registry/testing/databases";
import type { PostgresSettings } from "@cpm/registry/testing/databases";
import { Client } from "pg";
import { startBoundServer } from "./bound-server.ts";
import type { BoundServer } from "./bound-server.ts";
import { freePort } from "./free-port.ts";

/** A real PostgreSQL in a folder of its own, on loopback. */
export interface PostgresServer {
  /** A new database with the tables of the registry. */
  createDatabase(): Promise<PostgresSettings>;
  /** A new database with nothing in it. */
  createEmptyDatabase(): Promise<PostgresSettings>;
  /** As a crash would. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its folder; what is not disposed of goes with the process of the tests. */
  dispose(): Promise<void>;
}

let shared: Promise<PostgresServer> | undefined;

/** One for a whole process of tests: to begin one takes longer than most of what is asked of it. */
export function sharedPostgresServer(): Promise<PostgresServer> {
  shared ??= startPostgresServer();
  return shared;
}

/** Why no PostgreSQL can run here; undefined when one can. */
export function whyNoPostgres(): string | undefined {
  try {
    findPostgres();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `more`: settings beyond those of every server; what they name may be put into the folder, which is the server's. */
export async function startPostgresServer(
  more: (folder: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-postgres-"));
  // The server's user must reach its folder.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "server"));
  const port = await freePort();
  const command = await preparePostgres(findPostgres(), join(folder, "server"), port);
  const settings = (database: string): PostgresSettings => ({
    host: "127.0.0.1",
    port,
    database,
    user: "postgres",
    tls: "off",
    connections: 8,
  });
  const own = Object.entries({ max_connections: "300", ...more(join(folder, "server")) });
  command.push(...own.flatMap(([name, value]) => ["-c", `${name}=${value}`]));
  const start = async (): Promise<BoundServer> => {
    const server = startBoundServer(command, folder);
    await untilReady(server, settings("postgres"));
    return server;
  };
  let server = await start();
  let count = 0;
  let template: Promise<string> | undefined;
  const create = async (from: string): Promise<PostgresSettings> => {
    const name = `test_${count++}`;
    await execute(settings("postgres"), `CREATE DATABASE ${name} TEMPLATE ${from}`);
    return settings(name);
  };
  const makeTemplate = async (): Promise<string> => {
    const made = await create("template0");
    await (await openPostgresDatabase(made)).close();
    return made.database;
  };
  return {
    createEmptyDatabase: () => create("template0"),
    async createDatabase() {
      template ??= makeTemplate();
      return create(await template);
    },
    stop: () => server.end(),
    async start() {
      server = await start();
    },
    async dispose() {
      await server.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(server: BoundServer, settings: PostgresSettings): Promise<void> {
  for (;;) {
    if (server.exitCode !== undefined) throw new Error(`PostgreSQL ended with ${server.exitCode}`);
    try {
      await execute(settings, "SELECT 1");
      return;
    } catch {
      await Bun.sleep(20); // It does not listen yet, or recovers from a crash.
    }
  }
}

/** One statement, on a connection of its own. */
export async function execute({ host, port, database, user }: PostgresSettings, text: string): Promise<void> {
  const client = new Client({ host, port, database, user });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
