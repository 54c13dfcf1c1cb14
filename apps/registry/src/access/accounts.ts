import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { AuditedDatabase } from "./audited-database.ts";
import { AuditLog } from "./audit-log.ts";
import { Namespaces } from "./namespaces.ts";
import { Publishers } from "./publishers.ts";
import { Tokens } from "./tokens.ts";
import { Users } from "./users.ts";
import { Webhooks } from "../webhooks/webhooks.ts";

/** Who there is and what they may do, as the database has it: a server reads it anew for every request. */
export interface Accounts {
  readonly users: Users;
  readonly namespaces: Namespaces;
  readonly tokens: Tokens;
  readonly publishers: Publishers;
  readonly webhooks: Webhooks;
  readonly audit: AuditLog;
}

/** `onAnnounced` is called after a change of which readers of the feed are told. */
export function createAccounts(database: Database, now: () => number, onAnnounced?: () => void): Accounts {
  const audited = new AuditedDatabase(database, now, onAnnounced);
  return {
    users: new Users(audited),
    namespaces: new Namespaces(audited),
    tokens: new Tokens(audited),
    publishers: new Publishers(audited),
    webhooks: new Webhooks(audited),
    audit: new AuditLog(audited),
  };
}

/** A secret of this registry, made on first use and the same ever after, for all who serve it. */
export async function ownSecret(database: Database, name: string): Promise<string> {
  const find = sql`SELECT value FROM secrets WHERE name = ${name}`;
  const known = await database.get<{ value: string }>(find);
  if (known !== undefined) return known.value;
  const fresh = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  return database.transact(async (transaction) => {
    await transaction.run(
      sql`INSERT INTO secrets (name, value) VALUES (${name}, ${fresh}) ON CONFLICT (name) DO NOTHING`,
    );
    // Another may have been first.
    const kept = await transaction.get<{ value: string }>(find);
    if (kept === undefined) throw new TypeError("a secret that was just written is there");
    return kept.value;
  });
}
