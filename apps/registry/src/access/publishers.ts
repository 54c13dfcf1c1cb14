import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import type { JsonObject } from "@cpm/base";
import { registryError } from "../errors.ts";
import { Sql } from "../statements.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditLog, Author } from "./audit-log.ts";
import { isAllowedIssuer } from "./issuer-address.ts";
import { matchesPattern, parsePatterns } from "./token-scopes.ts";
import type { Users } from "./users.ts";

export interface Publisher {
  readonly id: string;
  /** Whose rights it has. */
  readonly user: string;
  /** Exactly as in the identity tokens: `https://token.actions.githubusercontent.com`. */
  readonly issuer: string;
  readonly claims: Readonly<Record<string, string>>;
  /** A name, or a pattern with `*`. */
  readonly package: string;
}

interface Row {
  readonly id: string;
  readonly user: string;
  readonly issuer: string;
  readonly claims: string;
  readonly package: string;
}

const select =
  "SELECT p.id, u.name AS user, p.issuer, p.claims, p.package FROM publishers p JOIN users u ON u.id = p.user_id";

/** Whose jobs of which CI system may publish what, and what is remembered of CI systems. */
export class Publishers {
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

  /** Throws `registry-server/access-invalid`: for one without claims, too, since an issuer vouches for all of its users. */
  add(publisher: Omit<Publisher, "id">, by: Author): Publisher {
    const { user, issuer, claims, package: pattern } = publisher;
    if (!isAllowedIssuer(issuer)) throw accessInvalid(`"${issuer.slice(0, 100)}" is no issuer: an https address`);
    if (Object.keys(claims).length === 0) throw accessInvalid("a publisher needs a claim, such as sub or repository");
    parsePatterns([pattern]);
    const id = crypto.randomUUID().slice(0, 8);
    return this.#sql.transact(() => {
      this.#sql.run(
        "INSERT INTO publishers (id, user_id, issuer, claims, package, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        id,
        this.#users.need(user).id,
        issuer,
        JSON.stringify(claims),
        pattern,
        this.#now(),
      );
      this.#audit.record(by, {
        action: "publisher.add",
        subject: user,
        detail: { id, issuer, claims, package: pattern },
      });
      return { id, ...publisher };
    });
  }

  list(): readonly Publisher[] {
    return this.#sql.all<Row>(`${select} ORDER BY p.issuer, p.package, p.id`).map(toPublisher);
  }

  remove(id: string, by: Author): void {
    this.#sql.transact(() => {
      const row = this.#sql.get<Row>(`${select} WHERE p.id = ?`, id);
      if (row === undefined) throw registryError("registry-server/publisher-unknown", "there is no such publisher");
      this.#sql.run("DELETE FROM publishers WHERE id = ?", id);
      this.#audit.record(by, { action: "publisher.remove", subject: row.user, detail: { id } });
    });
  }

  knowsIssuer(issuer: string): boolean {
    return this.#sql.get("SELECT 1 FROM publishers WHERE issuer = ?", issuer) !== undefined;
  }

  /** The one whose every claim is there, for this package. */
  match(issuer: string, claims: Readonly<Record<string, unknown>>, packageName: string): Publisher | undefined {
    return this.#sql
      .all<Row>(`${select} WHERE p.issuer = ? ORDER BY p.id`, issuer)
      .map(toPublisher)
      .find(
        (publisher) =>
          matchesPattern(publisher.package, packageName) &&
          Object.entries(publisher.claims).every(([key, value]) => Object.hasOwn(claims, key) && claims[key] === value),
      );
  }

  /** False when the identity token was exchanged before. Those that have ended are forgotten. */
  spend(signed: string, endsAt: number): boolean {
    const hash = createHash("sha256").update(signed).digest("hex");
    return this.#sql.transact(() => {
      this.#sql.run("DELETE FROM exchanged_tokens WHERE expires_at <= ?", this.#now());
      const sql = "INSERT OR IGNORE INTO exchanged_tokens (hash, expires_at) VALUES (?, ?)";
      return this.#sql.run(sql, hash, endsAt) > 0;
    });
  }

  keysOf(issuer: string): { readonly keys: readonly JsonObject[]; readonly fetchedAt: number } | undefined {
    const sql = "SELECT keys, fetched_at FROM issuer_keys WHERE issuer = ?";
    const row = this.#sql.get<{ keys: string; fetched_at: number }>(sql, issuer);
    return row === undefined ? undefined : { keys: JSON.parse(row.keys) as JsonObject[], fetchedAt: row.fetched_at };
  }

  keepKeys(issuer: string, keys: readonly JsonObject[]): void {
    const sql = `INSERT INTO issuer_keys (issuer, keys, fetched_at) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET keys = excluded.keys, fetched_at = excluded.fetched_at`;
    this.#sql.run(sql, issuer, JSON.stringify(keys), this.#now());
  }
}

function toPublisher({ claims, ...row }: Row): Publisher {
  return { ...row, claims: JSON.parse(claims) as Record<string, string> };
}
