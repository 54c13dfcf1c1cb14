import type { JsonObject } from "@cpm/base";
import type { Caller, Origin } from "../access/authenticator.ts";
import { namespaceUnknown } from "../access/namespaces.ts";
import type { Principal } from "../access/principal.ts";
import type { TokenListing } from "../access/tokens.ts";
import { denied, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import type { TokenService } from "./answers.ts";

/** A user with the right to change accounts: by password, or by a token of scope `admin`. */
export type Account = Principal & { readonly kind: "user" };

/** A request of one who is about to say who they are. */
export interface SignInCall {
  readonly parts: RegistryParts;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly origin: Origin;
  readonly tokens: TokenService;
  /** What the path names, in order. */
  readonly names: readonly string[];
  /** The object that the request brings, of keys that are described. Throws `registry-server/access-invalid`. */
  readonly body: () => Promise<JsonObject>;
}

export interface Call extends SignInCall {
  readonly caller: Caller;
}

const accountScope = "registry:account:*";

/** Throws unless the caller is a user who may act for themself, not only read or publish. */
export function requireAccount({ principal, presented, granted }: Caller): Account {
  const anonymous = principal.kind !== "user";
  if (!presented || principal.kind === "anonymous") throw unauthorized("this needs a user", accountScope);
  if (anonymous) throw denied("this registry has no users");
  if (principal.token?.scopes.includes("admin") === false) throw denied("the token has not the scope admin");
  if (granted !== undefined && granted.get("registry:account") === undefined)
    throw unauthorized("this needs another token", accountScope, "insufficient_scope");
  return principal;
}

export function requireAdmin(caller: Caller): void {
  const { user, token } = requireAccount(caller);
  if (!user.admin || (token !== undefined && token.patterns.length > 0)) throw denied("this is for administrators");
}

/** An owner of the namespace or an administrator. Whom it is hidden from is told that it is not there. */
export async function requireManager(parts: RegistryParts, caller: Caller, namespace: string): Promise<void> {
  const { user } = requireAccount(caller);
  const facts = await parts.accounts.namespaces.facts(namespace, user.id);
  const visible = facts !== undefined && (!facts.private || user.admin || facts.role !== undefined);
  if (!visible) throw namespaceUnknown(namespace);
  // What a token's pattern must match to cover the whole namespace.
  if (!(await parts.gate.rights(caller.principal, `${namespace}/`)).has("manage"))
    throw denied(`this is for owners of ${namespace}`);
}

export function formatToken(token: TokenListing): Record<string, unknown> {
  const { createdAt, expiresAt, revokedAt, lastUsedAt, ...fields } = token;
  const times = { createdAt, expiresAt, revokedAt, lastUsedAt };
  const shown = Object.entries(times).flatMap(([key, at]) =>
    at === undefined ? [] : [[key, new Date(at).toISOString()]],
  );
  return { ...fields, ...Object.fromEntries(shown) };
}

export function formatLimits({
  id,
  scopes,
  patterns,
  expiresAt,
}: NonNullable<Account["token"]>): Record<string, unknown> {
  return { id, scopes, patterns, ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }) };
}
