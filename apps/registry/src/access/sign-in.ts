import { createHmac, timingSafeEqual } from "node:crypto";
import { recoverId } from "@cpm/colonies";
import { textToSign } from "@cpm/registry-client";
import type { SignPurpose } from "@cpm/registry-client";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { unauthorized } from "../errors.ts";

const lifetimeMs = 5 * 60_000;

/**
 * Signing in by a ColonyOS key: the registry gives a nonce, the client signs a text with it that names the registry.
 * A nonce carries its own proof, so that any replica takes one that another gave, and asking for many costs no room.
 * Those that were answered are kept in the database until they expire, so none is taken twice.
 */
export class SignIn {
  readonly #key: string;
  readonly #database: Database;
  readonly #now: () => number;

  constructor(key: string, database: Database, now: () => number) {
    this.#key = key;
    this.#database = database;
    this.#now = now;
  }

  challenge(): { readonly nonce: string; readonly expiresAt: number } {
    const now = this.#now();
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url");
    const body = `${now.toString(36)}.${random}`;
    return { nonce: `${body}.${this.#mac(body)}`, expiresAt: now + lifetimeMs };
  }

  /** The id of whoever signed. Throws `registry-server/unauthorized`, and takes the nonce in any case. */
  async signer(purpose: SignPurpose, host: string, nonce: string, signature: string): Promise<string> {
    const expiresAt = this.#endOf(nonce);
    if (expiresAt === undefined || expiresAt <= this.#now() || !(await this.#take(nonce, expiresAt)))
      throw unauthorized("the challenge is none of this registry, has expired or was answered before");
    const id = recoverId(textToSign(purpose, host, nonce), signature);
    if (id === undefined) throw unauthorized("the signature is none");
    return id;
  }

  /** When a nonce of this registry expires; undefined for what is none. */
  #endOf(nonce: string): number | undefined {
    const [time = "", random = "", mac = ""] = nonce.split(".");
    const own = equal(mac, this.#mac(`${time}.${random}`)) && nonce === `${time}.${random}.${mac}`;
    return own ? Number.parseInt(time, 36) + lifetimeMs : undefined;
  }

  /** False when it was taken before. */
  async #take(nonce: string, expiresAt: number): Promise<boolean> {
    const now = this.#now();
    return this.#database.transact(async (transaction) => {
      await transaction.run(sql`DELETE FROM answered_challenges WHERE expires_at <= ${now}`);
      const taken = await transaction.run(sql`
        INSERT INTO answered_challenges (nonce, expires_at) VALUES (${nonce}, ${expiresAt})
        ON CONFLICT (nonce) DO NOTHING`);
      return taken > 0;
    });
  }

  #mac(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

function equal(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
