import { createHash } from "node:crypto";
import { decodeUtf8 } from "@cpm/base";
import { decodeBase64 } from "@cpm/oci";
import { rateLimited, unauthorized } from "../errors.ts";
import type { AccessTokens, Granted, Subject } from "./access-token.ts";
import type { Accounts } from "./accounts.ts";
import type { Author } from "./audit-log.ts";
import { verifyPassword } from "./passwords.ts";
import { actorOf } from "./principal.ts";
import type { Principal } from "./principal.ts";
import type { RateLimit } from "./rate-limit.ts";
import { isSecretToken } from "./secret-token.ts";
import type { UserWithPassword } from "./users.ts";

/** Who makes a request, and what of their rights they brought along. */
export interface Caller extends Author {
  readonly principal: Principal;
  /** False when nothing was shown that could be right or wrong. */
  readonly presented: boolean;
  /** What the access token was given out for; undefined for credentials themselves, which may all that their owner may. */
  readonly granted: Granted | undefined;
}

/** Where a request comes from. */
export interface Origin {
  readonly requestId: string;
  readonly address: string;
  /** Called with who it is from, once that is known, for the log. */
  onActor?(actor: string): void;
}

export interface AuthenticatorParts {
  readonly accounts: Accounts;
  readonly accessTokens: AccessTokens;
  /** Of wrong passwords, by address and name. */
  readonly failures: RateLimit;
  /** Of wrong passwords and tokens, by address: many people may share one, so it allows more. */
  readonly failuresOfAddress: RateLimit;
  /** Whether everybody may do everything as long as there are no users. */
  readonly open: boolean;
}

/** Says who is behind an `Authorization` header: Basic with a password or an API token, or Bearer with either kind of token. */
export class Authenticator {
  readonly #parts: AuthenticatorParts;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  /** True while everybody may do everything. */
  async isOpen(): Promise<boolean> {
    return this.#parts.open && !(await this.#parts.accounts.users.any());
  }

  /** Throws `registry-server/unauthorized` for what is wrong and `registry-server/rate-limited` after too much of it. */
  async identify(header: string | null, origin: Origin): Promise<Caller> {
    if (await this.isOpen()) return toCaller({ kind: "anyone" }, origin, true);
    if (header === null) return toCaller({ kind: "anonymous" }, origin, false);
    const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(header) ?? [];
    switch (scheme.toLowerCase()) {
      case "basic": {
        const { username, password } = parseBasic(value);
        return toCaller(await this.signIn(username, password, origin), origin, true);
      }
      case "bearer":
        return isSecretToken(value)
          ? toCaller(await this.#byToken(value, origin), origin, true)
          : this.#byAccessToken(value, origin);
      default:
        throw unauthorized("the Authorization header is neither Basic nor Bearer");
    }
  }

  /** A password, or an API token under any name. */
  async signIn(username: string, password: string, origin: Origin): Promise<Principal> {
    if (password.startsWith("cpm_")) return this.#byToken(password, origin);
    const attempt = `${origin.address} ${username.slice(0, 64)}`;
    const { failures, failuresOfAddress, accounts } = this.#parts;
    // Before it is looked at: whoever guesses does not learn that the last guess was right.
    refuse(Math.max(failures.wait(attempt), failuresOfAddress.wait(origin.address)));
    const user = await accounts.users.byName(username);
    if (!(await verifyPassword(password, user?.passwordHash)) || user === undefined) {
      failures.take(attempt);
      failuresOfAddress.take(origin.address);
      throw unauthorized("the name or the password is wrong");
    }
    return toPrincipal(user);
  }

  /** For whom an access token is given out. */
  async subjectOf(principal: Principal): Promise<Subject> {
    if (principal.kind !== "user") return { kind: "anonymous" };
    const { user, token } = principal;
    if (token !== undefined) return { kind: "token", id: token.id };
    return { kind: "user", id: user.id, key: keyOf(await this.#parts.accounts.users.byId(user.id)) };
  }

  /** Tokens cannot be guessed: a right one is taken whatever others of its address do. */
  async #byToken(secret: string, { address }: Origin): Promise<Principal> {
    const found = isSecretToken(secret) ? await this.#parts.accounts.tokens.use(secret) : undefined;
    if (found !== undefined) return { kind: "user", user: found.user, token: found.limits };
    refuse(this.#parts.failuresOfAddress.take(address));
    throw unauthorized("the token is not known here, has expired or was revoked");
  }

  async #byAccessToken(text: string, origin: Origin): Promise<Caller> {
    const claims = this.#parts.accessTokens.read(text);
    const principal = claims === undefined ? undefined : await this.#principalOf(claims.subject);
    if (claims === undefined || principal === undefined)
      throw unauthorized("the access token is not one of this registry, or no longer valid");
    return toCaller(principal, origin, true, claims.granted);
  }

  async #principalOf(subject: Subject): Promise<Principal | undefined> {
    const { users, tokens } = this.#parts.accounts;
    if (subject.kind === "anonymous") return subject;
    if (subject.kind === "user") {
      const user = await users.byId(subject.id);
      return user !== undefined && keyOf(user) === subject.key ? toPrincipal(user) : undefined;
    }
    const found = await tokens.stillValid(subject.id);
    return found === undefined ? undefined : { kind: "user", user: found.user, token: found.limits };
  }
}

function refuse(waitS: number): void {
  if (waitS > 0) throw rateLimited("too many wrong sign-ins", waitS);
}

function toPrincipal({ id, name, admin }: UserWithPassword): Principal & { readonly kind: "user" } {
  return { kind: "user", user: { id, name, admin } };
}

function toCaller(principal: Principal, origin: Origin, presented: boolean, granted?: Granted): Caller {
  const actor = actorOf(principal);
  origin.onActor?.(actor);
  return { principal, presented, requestId: origin.requestId, actor, granted };
}

function keyOf(user: UserWithPassword | undefined): string {
  return createHash("sha256")
    .update(user?.passwordHash ?? "")
    .digest("hex")
    .slice(0, 16);
}

/** RFC 7617. Throws `registry-server/unauthorized`. */
function parseBasic(value: string): { readonly username: string; readonly password: string } {
  const bytes = decodeBase64(value);
  const match = bytes === undefined ? null : /^([^:]*):([\s\S]*)$/.exec(textOf(bytes));
  if (match === null) throw unauthorized("the Basic credentials cannot be read");
  return { username: match[1] ?? "", password: match[2] ?? "" };
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    return ""; // No text, so no name and no password.
  }
}
