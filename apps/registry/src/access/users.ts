import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditedDatabase, AuditedTransaction, Author } from "./audited-database.ts";
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
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  async any(): Promise<boolean> {
    return (await this.#database.get(sql`SELECT 1 FROM users LIMIT 1`)) !== undefined;
  }

  byName(name: string): Promise<UserWithPassword | undefined> {
    return userByName(this.#database, name);
  }

  async byId(id: number): Promise<UserWithPassword | undefined> {
    return toUser(await this.#database.get<Row>(sql`SELECT * FROM users WHERE id = ${id}`));
  }

  byIdentity(id: string): Promise<UserWithPassword | undefined> {
    return userByIdentity(this.#database, id);
  }

  /** The ColonyOS ids that a user signs in by. */
  async identitiesOf(userId: number): Promise<readonly string[]> {
    const rows = await this.#database.all<{ id: string }>(
      sql`SELECT id FROM identities WHERE user_id = ${userId} ORDER BY id`,
    );
    return rows.map(({ id }) => id);
  }

  /** Throws `registry-server/user-unknown`. */
  need(name: string): Promise<UserWithPassword> {
    return needUser(this.#database, name);
  }

  async list(): Promise<readonly UserListing[]> {
    const rows = await this.#database.all<Row>(sql`SELECT * FROM users ORDER BY name`);
    const identities = await this.#database.all<{ id: string; user_id: number }>(
      sql`SELECT id, user_id FROM identities ORDER BY id`,
    );
    const byUser = Map.groupBy(identities, (identity) => identity.user_id);
    return rows.map((row) => ({
      name: row.name,
      admin: row.admin === 1,
      password: row.password !== null,
      identities: (byUser.get(row.id) ?? []).map(({ id }) => id),
      createdAt: row.created_at,
    }));
  }

  /** Throws `registry-server/account-exists`, for an identity of another user too. */
  async add(user: NewUser, by: Author): Promise<void> {
    const { admin, passwordHash = null, identities = [] } = user;
    const name = parseUserName(user.name);
    for (const identity of identities) parseIdentityId(identity);
    await this.#database.change(by, async (change) => {
      if ((await userByName(change, name)) !== undefined)
        throw registryError("registry-server/account-exists", `there is a user ${name} already`);
      await change.run(sql`
        INSERT INTO users (name, password, admin, created_at)
        VALUES (${name}, ${passwordHash}, ${admin ? 1 : 0}, ${change.now})`);
      await change.record({ action: "user.add", subject: name, detail: { admin } });
      for (const identity of identities) await bind(change, name, identity);
    });
  }

  async setPassword(name: string, passwordHash: string, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      const { id } = await needUser(change, name);
      await change.run(sql`UPDATE users SET password = ${passwordHash} WHERE id = ${id}`);
      await change.record({ action: "user.password", subject: name });
    });
  }

  /** With everything of theirs: tokens, identities, memberships. Throws `registry-server/last-admin`. */
  async remove(name: string, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      const user = await needUser(change, name);
      const others = await change.get(sql`SELECT 1 FROM users WHERE admin = 1 AND id <> ${user.id} LIMIT 1`);
      if (user.admin && others === undefined)
        throw registryError("registry-server/last-admin", `${name} is the only administrator`);
      await change.run(sql`DELETE FROM users WHERE id = ${user.id}`);
      await change.record({ action: "user.remove", subject: name });
    });
  }

  /** Throws `registry-server/account-exists` for an identity that is somebody's already. */
  async bindIdentity(name: string, identity: string, by: Author): Promise<void> {
    parseIdentityId(identity);
    await this.#database.change(by, (change) => bind(change, name, identity));
  }

  /** False when it was not theirs. */
  async unbindIdentity(name: string, identity: string, by: Author): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      const { id } = await needUser(change, name);
      const removed = await change.run(sql`DELETE FROM identities WHERE id = ${identity} AND user_id = ${id}`);
      if (removed === 0) return false;
      await change.record({ action: "identity.unbind", subject: name, detail: { identity } });
      return true;
    });
  }
}

/** Throws `registry-server/user-unknown`. */
export async function needUser(reader: Reader, name: string): Promise<UserWithPassword> {
  const user = await userByName(reader, name);
  if (user === undefined) throw registryError("registry-server/user-unknown", `there is no user ${name.slice(0, 80)}`);
  return user;
}

async function userByName(reader: Reader, name: string): Promise<UserWithPassword | undefined> {
  return toUser(await reader.get<Row>(sql`SELECT * FROM users WHERE name = ${name}`));
}

async function userByIdentity(reader: Reader, id: string): Promise<UserWithPassword | undefined> {
  return toUser(
    await reader.get<Row>(sql`SELECT u.* FROM identities i JOIN users u ON u.id = i.user_id WHERE i.id = ${id}`),
  );
}

async function bind(change: AuditedTransaction, name: string, identity: string): Promise<void> {
  const user = await needUser(change, name);
  const owner = await userByIdentity(change, identity);
  if (owner?.id === user.id) return;
  if (owner !== undefined)
    throw registryError("registry-server/account-exists", "the identity belongs to a user already");
  await change.run(
    sql`INSERT INTO identities (id, user_id, created_at) VALUES (${identity}, ${user.id}, ${change.now})`,
  );
  await change.record({ action: "identity.bind", subject: name, detail: { identity } });
}

function toUser(row: Row | undefined): UserWithPassword | undefined {
  if (row === undefined) return undefined;
  return { id: row.id, name: row.name, admin: row.admin === 1, passwordHash: row.password ?? undefined };
}
