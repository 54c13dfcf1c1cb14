import type { TokenScope } from "./token-scopes.ts";

/** Who asks, as the registry knows them at this moment. */
export type Principal =
  /** Everybody, in a registry without users that was started open. */
  | { readonly kind: "anyone" }
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly user: UserRow; readonly token?: TokenLimits };

export interface UserRow {
  readonly id: number;
  readonly name: string;
  readonly admin: boolean;
}

/** What a token leaves of the rights of its user. */
export interface TokenLimits {
  readonly id: string;
  readonly scopes: readonly TokenScope[];
  /** Names with `*` for any run of characters; none means every repository. */
  readonly patterns: readonly string[];
  readonly expiresAt: number | undefined;
}

/** What the audit log knows somebody by. A user's tokens are told apart. */
export function actorOf(principal: Principal): string {
  if (principal.kind !== "user") return principal.kind;
  return principal.token === undefined ? principal.user.name : `${principal.user.name}/${principal.token.id}`;
}

/** Whose uploads they are: every token of a user goes on with those of the others. */
export function personOf(principal: Principal): string {
  return principal.kind === "user" ? principal.user.name : principal.kind;
}
