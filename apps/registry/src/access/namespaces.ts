import { isRepositoryName } from "@cpm/oci";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditedDatabase, AuditedTransaction, Author } from "./audited-database.ts";
import type { NamespaceFacts, Role, Visibility } from "./rights.ts";
import { needUser } from "./users.ts";

export interface NamespaceListing {
  readonly name: string;
  readonly private: boolean;
  readonly members: readonly { readonly user: string; readonly role: Role }[];
}

interface Row {
  readonly name: string;
  readonly private: number;
}

interface MemberRow {
  readonly namespace: string;
  readonly user: string;
  readonly role: Role;
}

/** Throws `registry-server/access-invalid`. */
function parseNamespaceName(text: string): string {
  if (text.length > 64 || text.includes("/") || !isRepositoryName(text))
    throw accessInvalid(`"${text.slice(0, 80)}" is no namespace: lower-case letters, digits, and - between them`);
  return text;
}

/** Throws `registry-server/access-invalid`. */
export function parseRole(text: string): Role {
  if (text !== "owner" && text !== "member") throw accessInvalid(`"${text.slice(0, 40)}" is no role: owner or member`);
  return text;
}

/** The namespace of a repository's name. */
export function namespaceOf(repository: string): string {
  return repository.split("/", 1)[0] ?? repository;
}

/** Namespaces and who is in them. Every change is one transaction, with its record. */
export class Namespaces {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** What decides the rights of a user, or with no user of everybody else. */
  async facts(name: string, userId: number | undefined): Promise<NamespaceFacts | undefined> {
    const row = await this.#database.get<{ private: number; role: Role | null }>(sql`
      SELECT private, (SELECT role FROM members WHERE namespace = n.name AND user_id = ${userId ?? null}) AS role
      FROM namespaces n WHERE name = ${name}`);
    return row === undefined ? undefined : { private: row.private === 1, role: row.role ?? undefined };
  }

  async of(userId: number): Promise<readonly string[]> {
    const rows = await this.#database.all<{ namespace: string }>(
      sql`SELECT namespace FROM members WHERE user_id = ${userId}`,
    );
    return rows.map((row) => row.namespace);
  }

  /** Names of who owns one, sorted; none of one that is not there. */
  async owners(name: string): Promise<readonly string[]> {
    const members = (await membersOf(this.#database, [name])).get(name) ?? [];
    return members.filter(({ role }) => role === "owner").map(({ user }) => user);
  }

  async list(visible: Visibility["namespaces"]): Promise<readonly NamespaceListing[]> {
    const listed = visible === "all" ? sql`1 = 1` : sql`(private = 0 OR name IN ${visible})`;
    const rows = await this.#database.all<Row>(sql`SELECT name, private FROM namespaces WHERE ${listed} ORDER BY name`);
    const members = await membersOf(
      this.#database,
      rows.map((row) => row.name),
    );
    return rows.map((row) => toListing(row, members));
  }

  /** Throws `registry-server/namespace-unknown`. */
  need(name: string): Promise<NamespaceListing> {
    return needNamespace(this.#database, name);
  }

  /** Throws `registry-server/account-exists`. */
  async add(name: string, isPrivate: boolean, owner: string | undefined, by: Author): Promise<void> {
    parseNamespaceName(name);
    await this.#database.change(by, async (change) => {
      const added = await change.run(sql`
        INSERT INTO namespaces (name, private, created_at) VALUES (${name}, ${isPrivate ? 1 : 0}, ${change.now})
        ON CONFLICT (name) DO NOTHING`);
      if (added === 0) throw registryError("registry-server/account-exists", `there is a namespace ${name} already`);
      await change.record({ action: "namespace.add", namespace: name, subject: name, detail: { private: isPrivate } });
      if (owner !== undefined) await setRole(change, name, owner, "owner");
    });
  }

  async setPrivate(name: string, isPrivate: boolean, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      if ((await needNamespace(change, name)).private === isPrivate) return;
      await change.run(sql`UPDATE namespaces SET private = ${isPrivate ? 1 : 0} WHERE name = ${name}`);
      const action = isPrivate ? "namespace.hide" : "namespace.show";
      await change.record({ action, namespace: name, subject: name });
      await change.announce({ kind: isPrivate ? "namespace.hidden" : "namespace.shown", name });
    });
  }

  async setMember(name: string, userName: string, role: Role, by: Author): Promise<void> {
    await this.#database.change(by, (change) => setRole(change, name, userName, role));
  }

  /** False when they were not in it. */
  async removeMember(name: string, userName: string, by: Author): Promise<boolean> {
    return this.#database.change(by, async (change) => {
      await needNamespace(change, name);
      const { id } = await needUser(change, userName);
      if ((await change.run(sql`DELETE FROM members WHERE namespace = ${name} AND user_id = ${id}`)) === 0)
        return false;
      await change.record({ action: "member.remove", namespace: name, subject: userName });
      return true;
    });
  }
}

/** Throws `registry-server/namespace-unknown`. */
export async function needNamespace(reader: Reader, name: string): Promise<NamespaceListing> {
  const row = await reader.get<Row>(sql`SELECT name, private FROM namespaces WHERE name = ${name}`);
  if (row === undefined) throw namespaceUnknown(name);
  return toListing(row, await membersOf(reader, [name]));
}

async function setRole(change: AuditedTransaction, name: string, userName: string, role: Role): Promise<void> {
  await needNamespace(change, name);
  const { id } = await needUser(change, userName);
  const changed = await change.run(sql`
    INSERT INTO members (namespace, user_id, role) VALUES (${name}, ${id}, ${role})
    ON CONFLICT (namespace, user_id) DO UPDATE SET role = excluded.role WHERE members.role <> excluded.role`);
  if (changed === 0) return;
  await change.record({ action: "member.set", namespace: name, subject: userName, detail: { role } });
}

async function membersOf(reader: Reader, names: readonly string[]): Promise<ReadonlyMap<string, MemberRow[]>> {
  const rows = await reader.all<MemberRow>(sql`
    SELECT m.namespace, u.name AS user, m.role FROM members m JOIN users u ON u.id = m.user_id
    WHERE m.namespace IN ${names} ORDER BY u.name`);
  return Map.groupBy(rows, (row) => row.namespace);
}

function toListing({ name, private: hidden }: Row, members: ReadonlyMap<string, MemberRow[]>): NamespaceListing {
  const own = (members.get(name) ?? []).map(({ user, role }) => ({ user, role }));
  return { name, private: hidden === 1, members: own };
}

export function namespaceUnknown(name: string) {
  return registryError("registry-server/namespace-unknown", `there is no namespace ${name.slice(0, 80)}`);
}
