import type { Database } from "bun:sqlite";
import { Sql } from "../statements.ts";
import { AuditLog } from "./audit-log.ts";
import { Namespaces } from "./namespaces.ts";
import { Publishers } from "./publishers.ts";
import { Tokens } from "./tokens.ts";
import { Users } from "./users.ts";

/** Who there is and what they may do, as the database has it: a server reads it anew for every request. */
export interface Accounts {
  readonly users: Users;
  readonly namespaces: Namespaces;
  readonly tokens: Tokens;
  readonly publishers: Publishers;
  readonly audit: AuditLog;
}

export function createAccounts(database: Database, now: () => number): Accounts {
  const audit = new AuditLog(database, now);
  const users = new Users(database, audit, now);
  return {
    users,
    audit,
    namespaces: new Namespaces(database, audit, users, now),
    tokens: new Tokens(database, audit, users, now),
    publishers: new Publishers(database, audit, users, now),
  };
}

/** A secret of this registry, made on first use and the same ever after. */
export function ownSecret(database: Database, name: string): string {
  const sql = new Sql(database);
  const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  sql.run("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)", name, fresh);
  const value = sql.get<{ value: string }>("SELECT value FROM secrets WHERE name = ?", name)?.value;
  if (value === undefined) throw new TypeError("a secret that was just written is there");
  return value;
}
