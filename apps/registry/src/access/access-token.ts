import { createHmac, timingSafeEqual } from "node:crypto";

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

/** As they are written; the names are those of RFC 7519. */
interface Claims {
  readonly aud: string;
  /** Milliseconds since the epoch. */
  readonly exp: number;
  readonly sub: Subject;
  readonly access: readonly (readonly string[])[];
}

/** How many signatures are remembered, and of how long tokens. */
const maxKept = 4096;
const maxKeptLength = 2048;

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
  /** What tokens say whose signature was right, by their text. The oldest goes first. */
  readonly #verified = new Map<string, AccessClaims>();

  constructor(key: string, audience: string, now: () => number) {
    this.#key = key;
    this.#audience = audience;
    this.#now = now;
  }

  issue({ subject, granted, expiresAt }: AccessClaims): string {
    const access = [...granted].map(([resource, actions]) => [resource, ...actions]);
    const claims: Claims = { aud: this.#audience, exp: expiresAt, sub: subject, access };
    const body = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${body}.${this.#mac(body)}`;
  }

  /** Undefined for what is no token of this registry, or was one. */
  read(text: string): AccessClaims | undefined {
    const claims = this.#verified.get(text) ?? this.#verify(text);
    return claims === undefined || claims.expiresAt <= this.#now() ? undefined : claims;
  }

  #verify(text: string): AccessClaims | undefined {
    const [body = "", mac = "", more] = text.split(".");
    const expected = this.#mac(body);
    if (more !== undefined || mac.length !== expected.length) return undefined;
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return undefined;
    // Only we can have made the rest.
    const { aud, exp, sub, access } = JSON.parse(Buffer.from(body, "base64url").toString()) as Claims;
    if (aud !== this.#audience) return undefined;
    const granted = new Map(access.map(([key = "", ...actions]) => [key, new Set(actions)]));
    const claims = { subject: sub, granted, expiresAt: exp };
    if (text.length <= maxKeptLength) this.#keep(text, claims);
    return claims;
  }

  #keep(text: string, claims: AccessClaims): void {
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined && this.#verified.size >= maxKept) this.#verified.delete(oldest);
    this.#verified.set(text, claims);
  }

  #mac(body: string): string {
    return createHmac("sha256", this.#key).update(body).digest("base64url");
  }
}
