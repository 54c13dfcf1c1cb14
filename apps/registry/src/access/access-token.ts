import { createHmac, timingSafeEqual } from "node:crypto";
import { isJsonObject, parseJson } from "@cpm/base";
import type { JsonValue } from "@cpm/base";

/** What a bearer of an access token may do, by `type:name` as in docker's scopes. */
export type Granted = ReadonlyMap<string, ReadonlySet<string>>;

/** For whom an access token was given out. */
export type Subject =
  | { readonly kind: "anonymous" }
  /** `key` changes with the password, and ends what was given out before. */
  | { readonly kind: "user"; readonly id: number; readonly key: string }
  | { readonly kind: "token"; readonly id: string };

export interface AccessClaims {
  readonly subject: Subject;
  readonly granted: Granted;
  readonly expiresAt: number;
}

/**
 * Gives out and reads the short-lived tokens of docker's flow: claims and a SHA-256 HMAC over them, both base64url.
 * The key is the registry's own, so that they outlive a restart; the audience is in it, so that those of another
 * registry, or of this one under another name, are worth nothing. What a token says is checked against the rights
 * that its subject has at the time of each request: it can be taken back at any moment.
 */
export class AccessTokens {
  readonly #key: string;
  readonly #audience: string;
  readonly #now: () => number;

  constructor(key: string, audience: string, now: () => number) {
    this.#key = key;
    this.#audience = audience;
    this.#now = now;
  }

  issue({ subject, granted, expiresAt }: AccessClaims): string {
    const access = [...granted].map(([resource, actions]) => [resource, ...actions]);
    const claims = JSON.stringify({ aud: this.#audience, exp: expiresAt, sub: subject, access });
    const body = Buffer.from(claims).toString("base64url");
    return `${body}.${this.#mac(body)}`;
  }

  /** Undefined for what is no token of this registry, or was one. */
  read(text: string): AccessClaims | undefined {
    const [body = "", mac = "", more] = text.split(".");
    const expected = this.#mac(body);
    if (more !== undefined || mac.length !== expected.length) return undefined;
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return undefined;
    // Only we can have made the rest.
    const claims = parseJson(Buffer.from(body, "base64url").toString());
    if (!isJsonObject(claims) || claims["aud"] !== this.#audience) return undefined;
    const expiresAt = Number(claims["exp"]);
    if (!(expiresAt > this.#now())) return undefined;
    return { subject: claims["sub"] as unknown as Subject, granted: readGranted(claims["access"]), expiresAt };
  }

  #mac(body: string): string {
    return createHmac("sha256", this.#key).update(body).digest("base64url");
  }
}

function readGranted(access: JsonValue | undefined): Granted {
  const rows = (access ?? []) as readonly (readonly string[])[];
  return new Map(rows.map(([resource = "", ...actions]) => [resource, new Set(actions)]));
}
