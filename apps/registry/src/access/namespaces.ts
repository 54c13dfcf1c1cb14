import type { Database } from "bun:sqlite";
import { isRepositoryName } from "@cpm/oci";
import { registryError } from "../errors.ts";
import { Sql } from "../statements.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditLog, Author } from "./audit-log.ts";
import type { NamespaceFacts, Role, Visibility } from "./rights.ts";
import type { Users } from "./users.ts";

export interface NamespaceListing {
  readonly name: string;
  readonly private: boolean;
  readonly members: readonly { readonly user: string; readonly role: Role }[];
}

interface Row {
  readonly name: string;
  readonly private: number;
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

  /** What decides the rights of a user, or with no user of everybody else. */
  facts(name: string, userId: number | undefined): NamespaceFacts | undefined {
    const row = this.#sql.get<{ private: number; role: Role | null }>(
      `SELECT private, (SELECT role FROM members WHERE namespace = n.name AND user_id = ?) AS role
       FROM namespaces n WHERE name = ?`,
      userId ?? null,
      name,
    );
    return row === undefined ? undefined : { private: row.private === 1, role: row.role ?? undefined };
  }

  of(userId: number): readonly string[] {
    return this.#sql
      .all<{ namespace: string }>("SELECT namespace FROM members WHERE user_id = ?", userId)
      .map((row) => row.namespace);
  }

  list(visible: Visibility["namespaces"]): readonly NamespaceListing[] {
    return this.#sql
      .all<Row>("SELECT name, private FROM namespaces ORDER BY name")
      .filter((row) => row.private === 0 || visible === "all" || visible.includes(row.name))
      .map((row) => this.#listing(row));
  }

  /** Throws `registry-server/namespace-unknown`. */
  need(name: string): NamespaceListing {
    const row = this.#sql.get<Row>("SELECT name, private FROM namespaces WHERE name = ?", name);
    if (row === undefined) throw namespaceUnknown(name);
    return this.#listing(row);
  }

  /** Throws `registry-server/account-exists`. */
  add(name: string, isPrivate: boolean, owner: string | undefined, by: Author): void {
    parseNamespaceName(name);
    this.#sql.transact(() => {
      if (this.facts(name, undefined) !== undefined)
        throw registryError("registry-server/account-exists", `there is a namespace ${name} already`);
      const sql = "INSERT INTO namespaces (name, private, created_at) VALUES (?, ?, ?)";
      this.#sql.run(sql, name, isPrivate ? 1 : 0, this.#now());
      const detail = { private: isPrivate };
      this.#audit.record(by, { action: "namespace.add", namespace: name, subject: name, detail });
      if (owner !== undefined) this.setMember(name, owner, "owner", by);
    });
  }

  setPrivate(name: string, isPrivate: boolean, by: Author): void {
    this.#sql.transact(() => {
      if (this.need(name).private === isPrivate) return;
      this.#sql.run("UPDATE namespaces SET private = ? WHERE name = ?", isPrivate ? 1 : 0, name);
      const action = isPrivate ? "namespace.hide" : "namespace.show";
      this.#audit.record(by, { action, namespace: name, subject: name });
    });
  }

  setMember(name: string, userName: string, role: Role, by: Author): void {
    this.#sql.transact(() => {
      this.need(name);
      const sql = `INSERT INTO members (namespace, user_id, role) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET role = excluded.role WHERE role <> excluded.role`;
      if (this.#sql.run(sql, name, this.#users.need(userName).id, role) === 0) return;
      this.#audit.record(by, { action: "member.set", namespace: name, subject: userName, detail: { role } });
    });
  }

  /** False when they were not in it. */
  removeMember(name: string, userName: string, by: Author): boolean {
    return this.#sql.transact(() => {
      this.need(name);
      const sql = "DELETE FROM members WHERE namespace = ? AND user_id = ?";
      if (this.#sql.run(sql, name, this.#users.need(userName).id) === 0) return false;
      this.#audit.record(by, { action: "member.remove", namespace: name, subject: userName });
      return true;
    });
  }

  #listing({ name, private: hidden }: Row): NamespaceListing {
    const members = this.#sql.all<{ user: string; role: Role }>(
      `SELECT u.name AS user, m.role FROM members m JOIN users u ON u.id = m.user_id
       WHERE m.namespace = ? ORDER BY u.name`,
      name,
    );
    return { name, private: hidden === 1, members };
  }
}

export function namespaceUnknown(name: string) {
  return registryError("registry-server/namespace-unknown", `there is no namespace ${name.slice(0, 80)}`);
}
