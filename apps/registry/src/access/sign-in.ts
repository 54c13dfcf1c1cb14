import { createHmac, timingSafeEqual } from "node:crypto";
import { recoverId } from "@cpm/colonies";
import { textToSign } from "@cpm/registry-client";
import type { SignPurpose } from "@cpm/registry-client";
import { unauthorized } from "../errors.ts";

const lifetimeMs = 5 * 60_000;

/**
 * Signing in by a ColonyOS key: the registry gives a nonce, the client signs a text with it that names the registry.
 * A nonce carries its own proof, so that asking for many costs no memory; those that were used are remembered until
 * they expire, and those of before this process are not taken, so none is taken twice.
 */
export class SignIn {
  readonly #key: string;
  readonly #now: () => number;
  readonly #since: number;
  readonly #used = new Map<string, number>();

  constructor(key: string, now: () => number) {
    this.#key = key;
    this.#now = now;
    this.#since = now();
  }

  challenge(): { readonly nonce: string; readonly expiresAt: number } {
    const now = this.#now();
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url");
    const body = `${now.toString(36)}.${random}`;
    return { nonce: `${body}.${this.#mac(body)}`, expiresAt: now + lifetimeMs };
  }

  /** The id of whoever signed. Throws `registry-server/unauthorized`, and takes the nonce in any case. */
  signer(purpose: SignPurpose, host: string, nonce: string, signature: string): string {
    this.#take(nonce);
    const id = recoverId(textToSign(purpose, host, nonce), signature);
    if (id === undefined) throw unauthorized("the signature is none");
    return id;
  }

  #take(nonce: string): void {
    const now = this.#now();
    for (const [used, expiresAt] of this.#used) if (expiresAt <= now) this.#used.delete(used);
    const [time = "", random = "", mac = ""] = nonce.split(".");
    const issuedAt = Number.parseInt(time, 36);
    const own = equal(mac, this.#mac(`${time}.${random}`)) && nonce === `${time}.${random}.${mac}`;
    if (!own || issuedAt < this.#since || issuedAt + lifetimeMs <= now || this.#used.has(nonce))
      throw unauthorized("the challenge is none of this registry, has expired or was answered before");
    this.#used.set(nonce, issuedAt + lifetimeMs);
  }

  #mac(text: string): string {
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

function equal(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
