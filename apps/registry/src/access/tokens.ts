import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditedDatabase, AuditedTransaction, Author } from "./audited-database.ts";
import type { TokenLimits, UserRow } from "./principal.ts";
import { createSecretToken, hashSecretToken } from "./secret-token.ts";
import { parsePatterns, parseTokenScopes } from "./token-scopes.ts";
import type { TokenScope } from "./token-scopes.ts";
import { needUser } from "./users.ts";

export interface NewToken {
  readonly user: string;
  /** For people to tell tokens apart. */
  readonly label: string;
  readonly scopes: readonly string[];
  readonly patterns: readonly string[];
  readonly expiresAt?: number | undefined;
}

export interface TokenListing extends TokenLimits {
  readonly user: string;
  readonly label: string;
  readonly createdAt: number;
  readonly revokedAt: number | undefined;
  /** To the minute. */
  readonly lastUsedAt: number | undefined;
}

/** A token that may be used, and whose it is. */
export interface ValidToken {
  readonly user: UserRow;
  readonly limits: TokenLimits;
}

interface Row {
  readonly id: string;
  readonly user: string;
  readonly user_id: number;
  readonly admin: number;
  readonly label: string;
  readonly scopes: string;
  readonly patterns: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly last_used_at: number | null;
}

const maxTokensOfUser = 1000;
const useStepMs = 60_000;

/** The API tokens of users. What is kept of a token is its hash. Every change is one transaction, with its record. */
export class Tokens {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** The token itself is in this answer and never again. */
  async create(token: NewToken, by: Author): Promise<TokenListing & { readonly secret: string }> {
    const scopes = parseTokenScopes(token.scopes);
    const patterns = parsePatterns(token.patterns);
    if (token.label.length > 100) throw accessInvalid("a label is at most 100 characters");
    const secret = createSecretToken();
    const expiresAt = token.expiresAt ?? null;
    if (expiresAt !== null && !(expiresAt > this.#database.now()))
      throw accessInvalid("the token would have expired already");
    const id = crypto.randomUUID().slice(0, 13).replaceAll("-", "");
    return this.#database.change(by, async (change) => {
      const user = await needUser(change, token.user);
      if ((await countValid(change, user.id)) >= maxTokensOfUser)
        throw accessInvalid(`${user.name} has ${maxTokensOfUser} tokens; revoke some`);
      await change.run(sql`
        INSERT INTO tokens (id, hash, user_id, label, scopes, patterns, created_at, expires_at)
        VALUES (${id}, ${hashSecretToken(secret)}, ${user.id}, ${token.label},
          ${JSON.stringify(scopes)}, ${JSON.stringify(patterns)}, ${change.now}, ${expiresAt})`);
      const detail = { id, label: token.label, scopes, patterns, expiresAt };
      await change.record({ action: "token.create", subject: user.name, detail });
      return { ...(await needToken(change, id)), secret };
    });
  }

  /** The token and its user, while it is valid. Notes that it was used. */
  async use(secret: string): Promise<ValidToken | undefined> {
    const row = await findToken(this.#database, sql`t.hash = ${hashSecretToken(secret)}`);
    const now = this.#database.now();
    if (row === undefined || !isValid(row, now)) return undefined;
    if (now - (row.last_used_at ?? 0) >= useStepMs)
      await this.#database.run(sql`UPDATE tokens SET last_used_at = ${now} WHERE id = ${row.id}`);
    return toValid(row);
  }

  /** As `use`, for what was given out for a token before. */
  async stillValid(id: string): Promise<ValidToken | undefined> {
    const row = await findToken(this.#database, sql`t.id = ${id}`);
    return row === undefined || !isValid(row, this.#database.now()) ? undefined : toValid(row);
  }

  /** Also those that are no longer valid; of everybody where no user is named. */
  async list(user?: string): Promise<readonly TokenListing[]> {
    const condition = user === undefined ? sql`1 = 1` : sql`u.name = ${user}`;
    const rows = await this.#database.all<Row>(sql`${select} WHERE ${condition} ORDER BY t.created_at, t.id`);
    return rows.map(toListing);
  }

  /** Throws `registry-server/token-unknown`. */
  need(id: string): Promise<TokenListing> {
    return needToken(this.#database, id);
  }

  async revoke(id: string, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      const { user } = await needToken(change, id);
      const revoked = await change.run(
        sql`UPDATE tokens SET revoked_at = ${change.now} WHERE id = ${id} AND revoked_at IS NULL`,
      );
      if (revoked === 0) return;
      await change.record({ action: "token.revoke", subject: user, detail: { id } });
    });
  }
}

const select = sql`SELECT t.*, u.name AS user, u.admin FROM tokens t JOIN users u ON u.id = t.user_id`;

function findToken(reader: Reader, condition: Query): Promise<Row | undefined> {
  return reader.get<Row>(sql`${select} WHERE ${condition}`);
}

async function needToken(reader: Reader, id: string): Promise<TokenListing> {
  const row = await findToken(reader, sql`t.id = ${id}`);
  if (row === undefined) throw registryError("registry-server/token-unknown", "there is no such token");
  return toListing(row);
}

async function countValid(change: AuditedTransaction, userId: number): Promise<number> {
  const row = await change.get<{ count: number }>(sql`
    SELECT count(*) AS count FROM tokens
    WHERE user_id = ${userId} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${change.now})`);
  return row?.count ?? 0;
}

function isValid(row: Row, now: number): boolean {
  return row.revoked_at === null && (row.expires_at === null || row.expires_at > now);
}

function toValid(row: Row): ValidToken {
  return { user: { id: row.user_id, name: row.user, admin: row.admin === 1 }, limits: limitsOf(row) };
}

function limitsOf(row: Row): TokenLimits {
  return {
    id: row.id,
    scopes: JSON.parse(row.scopes) as TokenScope[],
    patterns: JSON.parse(row.patterns) as string[],
    expiresAt: row.expires_at ?? undefined,
  };
}

function toListing(row: Row): TokenListing {
  return {
    ...limitsOf(row),
    user: row.user,
    label: row.label,
    createdAt: row.created_at,
    revokedAt: row.revoked_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}
