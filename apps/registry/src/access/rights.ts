import type { Principal } from "./principal.ts";
import { matchesPattern } from "./token-scopes.ts";

/**
 * `yank` is to advise against what is published, by yanking or deprecating it, and to take that back; `manage` to change
 * who may do what, and to read the audit log.
 */
export type Action = "pull" | "push" | "yank" | "delete" | "manage";
export type Role = "owner" | "member";

/** What decides, of one namespace and one principal. */
export interface NamespaceFacts {
  readonly private: boolean;
  /** Of the principal's user. */
  readonly role: Role | undefined;
}

const everything: readonly Action[] = ["pull", "push", "yank", "delete", "manage"];
const ofRole: Readonly<Record<Role, readonly Action[]>> = { owner: everything, member: ["pull", "push", "yank"] };

/**
 * What a principal may do to a repository. A namespace that is not there (`undefined`) gives nothing to anybody, so
 * that it cannot be told from one that is hidden. What is public is public for every token too.
 */
export function rightsOn(
  principal: Principal,
  namespace: NamespaceFacts | undefined,
  repository: string,
): ReadonlySet<Action> {
  if (principal.kind === "anyone") return new Set<Action>(["pull", "push", "yank", "delete"]);
  if (namespace === undefined) return new Set();
  const everybody: readonly Action[] = namespace.private ? [] : ["pull"];
  return new Set([...everybody, ...ownRights(principal, namespace, repository)]);
}

function ownRights(principal: Principal, namespace: NamespaceFacts, repository: string): readonly Action[] {
  if (principal.kind !== "user") return [];
  const { user, token } = principal;
  const own = user.admin ? everything : namespace.role === undefined ? [] : ofRole[namespace.role];
  if (token === undefined) return own;
  const named = token.patterns.length === 0 || token.patterns.some((pattern) => matchesPattern(pattern, repository));
  if (!named) return [];
  return own.filter((action) => {
    if (action === "pull") return token.scopes.some((scope) => scope !== "admin");
    const needed = ({ push: "publish", yank: "yank", delete: "yank", manage: "admin" } as const)[action];
    return token.scopes.includes(needed);
  });
}

/** What a list may show: every public namespace, and of the private ones those that are named here. */
export interface Visibility {
  /** `all` for who may read everything. */
  readonly namespaces: readonly string[] | "all";
  /** A further limit on what is private; none when empty. */
  readonly patterns: readonly string[];
}

const onlyPublic: Visibility = { namespaces: [], patterns: [] };

/** The same rule as `rightsOn` for `pull`, in the form that a query can use. */
export async function visibilityOf(
  principal: Principal,
  memberOf: (userId: number) => Promise<readonly string[]>,
): Promise<Visibility> {
  if (principal.kind === "anyone") return { namespaces: "all", patterns: [] };
  if (principal.kind === "anonymous") return onlyPublic;
  const { user, token } = principal;
  if (token !== undefined && !token.scopes.some((scope) => scope !== "admin")) return onlyPublic;
  return { namespaces: user.admin ? "all" : await memberOf(user.id), patterns: token?.patterns ?? [] };
}
