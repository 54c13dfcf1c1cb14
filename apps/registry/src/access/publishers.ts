import { createHash } from "node:crypto";
import type { JsonObject } from "@cpm/base";
import { sql } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { accessInvalid } from "./access-invalid.ts";
import type { AuditedDatabase, Author } from "./audited-database.ts";
import { isAllowedIssuer } from "./issuer-address.ts";
import { matchesPattern, parsePatterns } from "./token-scopes.ts";
import { needUser } from "./users.ts";

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

const select = sql`SELECT p.id, u.name AS user, p.issuer, p.claims, p.package
  FROM publishers p JOIN users u ON u.id = p.user_id`;

/** Whose jobs of which CI system may publish what, and what is remembered of CI systems. */
export class Publishers {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** Throws `registry-server/access-invalid`: for one without claims, too, since an issuer vouches for all of its users. */
  async add(publisher: Omit<Publisher, "id">, by: Author): Promise<Publisher> {
    const { user, issuer, claims, package: pattern } = publisher;
    if (!isAllowedIssuer(issuer)) throw accessInvalid(`"${issuer.slice(0, 100)}" is no issuer: an https address`);
    if (Object.keys(claims).length === 0) throw accessInvalid("a publisher needs a claim, such as sub or repository");
    parsePatterns([pattern]);
    const id = crypto.randomUUID().slice(0, 8);
    await this.#database.change(by, async (change) => {
      const { id: userId } = await needUser(change, user);
      await change.run(sql`
        INSERT INTO publishers (id, user_id, issuer, claims, package, created_at)
        VALUES (${id}, ${userId}, ${issuer}, ${JSON.stringify(claims)}, ${pattern}, ${change.now})`);
      const detail = { id, issuer, claims, package: pattern };
      await change.record({ action: "publisher.add", subject: user, detail });
    });
    return { id, ...publisher };
  }

  async list(): Promise<readonly Publisher[]> {
    const rows = await this.#database.all<Row>(sql`${select} ORDER BY p.issuer, p.package, p.id`);
    return rows.map(toPublisher);
  }

  async remove(id: string, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      const row = await change.get<Row>(sql`${select} WHERE p.id = ${id}`);
      if (row === undefined) throw registryError("registry-server/publisher-unknown", "there is no such publisher");
      await change.run(sql`DELETE FROM publishers WHERE id = ${id}`);
      await change.record({ action: "publisher.remove", subject: row.user, detail: { id } });
    });
  }

  async knowsIssuer(issuer: string): Promise<boolean> {
    const row = await this.#database.get(sql`SELECT 1 FROM publishers WHERE issuer = ${issuer} LIMIT 1`);
    return row !== undefined;
  }

  /** The one whose every claim is there, for this package. */
  async match(
    issuer: string,
    claims: Readonly<Record<string, unknown>>,
    packageName: string,
  ): Promise<Publisher | undefined> {
    const rows = await this.#database.all<Row>(sql`${select} WHERE p.issuer = ${issuer} ORDER BY p.id`);
    return rows
      .map(toPublisher)
      .find(
        (publisher) =>
          matchesPattern(publisher.package, packageName) &&
          Object.entries(publisher.claims).every(([key, value]) => Object.hasOwn(claims, key) && claims[key] === value),
      );
  }

  /** False when the identity token was exchanged before. Those that have ended are forgotten. */
  async spend(signed: string, endsAt: number): Promise<boolean> {
    const hash = createHash("sha256").update(signed).digest("hex");
    const now = this.#database.now();
    return this.#database.transact(async (transaction) => {
      await transaction.run(sql`DELETE FROM exchanged_tokens WHERE expires_at <= ${now}`);
      const spent = await transaction.run(sql`
        INSERT INTO exchanged_tokens (hash, expires_at) VALUES (${hash}, ${endsAt}) ON CONFLICT (hash) DO NOTHING`);
      return spent > 0;
    });
  }

  async keysOf(
    issuer: string,
  ): Promise<{ readonly keys: readonly JsonObject[]; readonly fetchedAt: number } | undefined> {
    const row = await this.#database.get<{ keys: string; fetched_at: number }>(
      sql`SELECT keys, fetched_at FROM issuer_keys WHERE issuer = ${issuer}`,
    );
    return row === undefined ? undefined : { keys: JSON.parse(row.keys) as JsonObject[], fetchedAt: row.fetched_at };
  }

  async keepKeys(issuer: string, keys: readonly JsonObject[]): Promise<void> {
    await this.#database.run(sql`
      INSERT INTO issuer_keys (issuer, keys, fetched_at)
      VALUES (${issuer}, ${JSON.stringify(keys)}, ${this.#database.now()})
      ON CONFLICT (issuer) DO UPDATE SET keys = excluded.keys, fetched_at = excluded.fetched_at`);
  }
}

function toPublisher({ claims, ...row }: Row): Publisher {
  return { ...row, claims: JSON.parse(claims) as Record<string, string> };
}
