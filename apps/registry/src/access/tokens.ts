import type { Database } from "bun:sqlite";
import { registryError } from "../errors.ts";
import { Sql } from "../statements.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditLog, Author } from "./audit-log.ts";
import type { TokenLimits } from "./principal.ts";
import { createSecretToken, hashSecretToken } from "./secret-token.ts";
import { parsePatterns, parseTokenScopes } from "./token-scopes.ts";
import type { TokenScope } from "./token-scopes.ts";
import type { Users } from "./users.ts";

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

interface Row {
  readonly id: string;
  readonly user: string;
  readonly user_id: number;
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
const select = "SELECT t.*, u.name AS user FROM tokens t JOIN users u ON u.id = t.user_id";

/** The API tokens of users. What is kept of a token is its hash. Every change is one transaction, with its record. */
export class Tokens {
  readonly #sql: Sql;
  readonly #audit: AuditLog;
  readonly #users: Users;
  readonly #now: () => number;

  constructor(database: Database, audit: AuditLog, users: Users, now: () => number) {
    this.#sql = new Sql(database);
    this.#audit = audit;
    this.#users = users;
    this.#now = now;
  }

  /** The token itself is in this answer and never again. */
  create(token: NewToken, by: Author): TokenListing & { readonly secret: string } {
    const scopes = parseTokenScopes(token.scopes);
    const patterns = parsePatterns(token.patterns);
    if (token.label.length > 100) throw accessInvalid("a label is at most 100 characters");
    const [secret, now] = [createSecretToken(), this.#now()];
    const expiresAt = token.expiresAt ?? null;
    if (expiresAt !== null && !(expiresAt > now)) throw accessInvalid("the token would have expired already");
    const id = crypto.randomUUID().slice(0, 13).replaceAll("-", "");
    return this.#sql.transact(() => {
      const user = this.#users.need(token.user);
      if (this.#countValid(user.id) >= maxTokensOfUser)
        throw accessInvalid(`${user.name} has ${maxTokensOfUser} tokens; revoke some`);
      this.#sql.run(
        "INSERT INTO tokens (id, hash, user_id, label, scopes, patterns, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        id,
        hashSecretToken(secret),
        user.id,
        token.label,
        JSON.stringify(scopes),
        JSON.stringify(patterns),
        now,
        expiresAt,
      );
      const detail = { id, label: token.label, scopes, patterns, expiresAt };
      this.#audit.record(by, { action: "token.create", subject: user.name, detail });
      return { ...this.need(id), secret };
    });
  }

  /** The token and its user, while it is valid. Notes that it was used. */
  use(secret: string): { readonly userId: number; readonly limits: TokenLimits } | undefined {
    const row = this.#sql.get<Row>(`${select} WHERE t.hash = ?`, hashSecretToken(secret));
    if (row === undefined || !this.#valid(row)) return undefined;
    const now = this.#now();
    if (now - (row.last_used_at ?? 0) >= useStepMs)
      this.#sql.run("UPDATE tokens SET last_used_at = ? WHERE id = ?", now, row.id);
    return { userId: row.user_id, limits: limitsOf(row) };
  }

  /** As `use`, for what was given out for a token before. */
  stillValid(id: string): { readonly userId: number; readonly limits: TokenLimits } | undefined {
    const row = this.#sql.get<Row>(`${select} WHERE t.id = ?`, id);
    return row === undefined || !this.#valid(row) ? undefined : { userId: row.user_id, limits: limitsOf(row) };
  }

  /** Also those that are no longer valid; of everybody where no user is named. */
  list(user?: string): readonly TokenListing[] {
    const rows =
      user === undefined
        ? this.#sql.all<Row>(`${select} ORDER BY t.created_at, t.id`)
        : this.#sql.all<Row>(`${select} WHERE u.name = ? ORDER BY t.created_at, t.id`, user);
    return rows.map(toListing);
  }

  /** Throws `registry-server/token-unknown`. */
  need(id: string): TokenListing {
    const row = this.#sql.get<Row>(`${select} WHERE t.id = ?`, id);
    if (row === undefined) throw registryError("registry-server/token-unknown", "there is no such token");
    return toListing(row);
  }

  revoke(id: string, by: Author): void {
    this.#sql.transact(() => {
      const { user } = this.need(id);
      const sql = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
      if (this.#sql.run(sql, this.#now(), id) === 0) return;
      this.#audit.record(by, { action: "token.revoke", subject: user, detail: { id } });
    });
  }

  #countValid(userId: number): number {
    const sql = `SELECT count(*) AS count FROM tokens
      WHERE user_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`;
    return this.#sql.get<{ count: number }>(sql, userId, this.#now())?.count ?? 0;
  }

  #valid(row: Row): boolean {
    return row.revoked_at === null && (row.expires_at === null || row.expires_at > this.#now());
  }
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
