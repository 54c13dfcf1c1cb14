import type { Database } from "bun:sqlite";
import { registryError } from "../errors.ts";
import { Sql } from "../statements.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditLog, Author } from "./audit-log.ts";
import type { UserRow } from "./principal.ts";

export interface UserWithPassword extends UserRow {
  /** argon2id; none for who signs in by an identity only. */
  readonly passwordHash: string | undefined;
}

export interface NewUser {
  readonly name: string;
  readonly admin: boolean;
  readonly passwordHash?: string | undefined;
  readonly identities?: readonly string[];
}

export interface UserListing {
  readonly name: string;
  readonly admin: boolean;
  readonly password: boolean;
  /** ColonyOS ids. */
  readonly identities: readonly string[];
  readonly createdAt: number;
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly password: string | null;
  readonly admin: number;
  readonly created_at: number;
}

const reserved = new Set(["anonymous", "anyone"]);

/** Throws `registry-server/access-invalid`. */
export function parseUserName(text: string): string {
  if (text.length > 64 || !/^[a-z0-9]+([._-][a-z0-9]+)*$/.test(text) || reserved.has(text))
    throw accessInvalid(`"${text.slice(0, 80)}" is no user name: lower-case letters, digits, and . _ - between them`);
  return text;
}

/** An id as ColonyOS writes it: 64 hex digits. Throws `registry-server/access-invalid`. */
function parseIdentityId(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw accessInvalid("an identity is the 64 hex digits of a ColonyOS id");
  return text;
}

/** Users, their passwords and their ColonyOS identities. Every change is one transaction, with its record. */
export class Users {
  readonly #sql: Sql;
  readonly #audit: AuditLog;
  readonly #now: () => number;

  constructor(database: Database, audit: AuditLog, now: () => number) {
    this.#sql = new Sql(database);
    this.#audit = audit;
    this.#now = now;
  }

  any(): boolean {
    return this.#sql.get("SELECT 1 FROM users LIMIT 1") !== undefined;
  }

  byName(name: string): UserWithPassword | undefined {
    return toUser(this.#sql.get<Row>("SELECT * FROM users WHERE name = ?", name));
  }

  byId(id: number): UserWithPassword | undefined {
    return toUser(this.#sql.get<Row>("SELECT * FROM users WHERE id = ?", id));
  }

  byIdentity(id: string): UserWithPassword | undefined {
    const sql = "SELECT u.* FROM identities i JOIN users u ON u.id = i.user_id WHERE i.id = ?";
    return toUser(this.#sql.get<Row>(sql, id));
  }

  /** The ColonyOS ids that a user signs in by. */
  identitiesOf(userId: number): readonly string[] {
    const sql = "SELECT id FROM identities WHERE user_id = ? ORDER BY id";
    return this.#sql.all<{ id: string }>(sql, userId).map(({ id }) => id);
  }

  /** Throws `registry-server/user-unknown`. */
  need(name: string): UserWithPassword {
    const user = this.byName(name);
    if (user === undefined)
      throw registryError("registry-server/user-unknown", `there is no user ${name.slice(0, 80)}`);
    return user;
  }

  list(): readonly UserListing[] {
    return this.#sql.all<Row>("SELECT * FROM users ORDER BY name").map((row) => ({
      name: row.name,
      admin: row.admin === 1,
      password: row.password !== null,
      identities: this.identitiesOf(row.id),
      createdAt: row.created_at,
    }));
  }

  /** Throws `registry-server/account-exists`, for an identity of another user too. */
  add(user: NewUser, by: Author): void {
    const { admin, passwordHash, identities = [] } = user;
    const name = parseUserName(user.name);
    this.#sql.transact(() => {
      if (this.byName(name) !== undefined)
        throw registryError("registry-server/account-exists", `there is a user ${name} already`);
      this.#sql.run(
        "INSERT INTO users (name, password, admin, created_at) VALUES (?, ?, ?, ?)",
        name,
        passwordHash ?? null,
        admin ? 1 : 0,
        this.#now(),
      );
      this.#audit.record(by, { action: "user.add", subject: name, detail: { admin } });
      for (const identity of identities) this.bindIdentity(name, identity, by);
    });
  }

  setPassword(name: string, passwordHash: string, by: Author): void {
    this.#sql.transact(() => {
      this.#sql.run("UPDATE users SET password = ? WHERE id = ?", passwordHash, this.need(name).id);
      this.#audit.record(by, { action: "user.password", subject: name });
    });
  }

  /** With everything of theirs: tokens, identities, memberships. Throws `registry-server/last-admin`. */
  remove(name: string, by: Author): void {
    this.#sql.transact(() => {
      const user = this.need(name);
      const others = this.#sql.get("SELECT 1 FROM users WHERE admin = 1 AND id <> ?", user.id);
      if (user.admin && others === undefined)
        throw registryError("registry-server/last-admin", `${name} is the only administrator`);
      this.#sql.run("DELETE FROM users WHERE id = ?", user.id);
      this.#audit.record(by, { action: "user.remove", subject: name });
    });
  }

  /** Throws `registry-server/account-exists` for an identity that is somebody's already. */
  bindIdentity(name: string, identity: string, by: Author): void {
    parseIdentityId(identity);
    this.#sql.transact(() => {
      const user = this.need(name);
      const owner = this.byIdentity(identity);
      if (owner?.id === user.id) return;
      if (owner !== undefined)
        throw registryError("registry-server/account-exists", "the identity belongs to a user already");
      this.#sql.run(
        "INSERT INTO identities (id, user_id, created_at) VALUES (?, ?, ?)",
        identity,
        user.id,
        this.#now(),
      );
      this.#audit.record(by, { action: "identity.bind", subject: name, detail: { identity } });
    });
  }

  /** False when it was not theirs. */
  unbindIdentity(name: string, identity: string, by: Author): boolean {
    return this.#sql.transact(() => {
      const sql = "DELETE FROM identities WHERE id = ? AND user_id = ?";
      if (this.#sql.run(sql, identity, this.need(name).id) === 0) return false;
      this.#audit.record(by, { action: "identity.unbind", subject: name, detail: { identity } });
      return true;
    });
  }
}

function toUser(row: Row | undefined): UserWithPassword | undefined {
  if (row === undefined) return undefined;
  return { id: row.id, name: row.name, admin: row.admin === 1, passwordHash: row.password ?? undefined };
}
