import { denied, hiddenRepository, nobodyPublishes, unauthorized } from "../errors.ts";
import type { Accounts } from "./accounts.ts";
import type { Caller } from "./authenticator.ts";
import { namespaceOf } from "./namespaces.ts";
import type { Principal } from "./principal.ts";
import { rightsOn, visibilityOf } from "./rights.ts";
import type { Action, NamespaceFacts, Visibility } from "./rights.ts";

/** Decides whether a request may be served. The one place that refuses: routes name what they are about to do. */
export class Gate {
  readonly #accounts: Accounts;
  readonly #elsewhere: (namespace: string) => NamespaceFacts | undefined;

  /** `elsewhere` tells of namespaces that are not among the accounts, where they are another registry's. */
  constructor(accounts: Accounts, elsewhere: (namespace: string) => NamespaceFacts | undefined = () => undefined) {
    this.#accounts = accounts;
    this.#elsewhere = elsewhere;
  }

  /** What a principal may do to a repository now. */
  async rights(principal: Principal, repository: string): Promise<ReadonlySet<Action>> {
    const namespace = namespaceOf(repository);
    const userId = principal.kind === "user" ? principal.user.id : undefined;
    const facts = principal.kind === "anyone" ? undefined : await this.#accounts.namespaces.facts(namespace, userId);
    return rightsOn(principal, facts ?? this.#elsewhere(namespace), repository);
  }

  async may(caller: Caller, action: Action, repository: string): Promise<boolean> {
    return (await this.rights(caller.principal, repository)).has(action) && brought(caller, action, repository);
  }

  /**
   * Throws unless the caller may. To whom another token could help: `registry-server/unauthorized`, with what to ask
   * for. To whom it could not: `registry-server/denied`, and for a repository that they may not even see the same as
   * for one that is not there.
   */
  async require(caller: Caller, action: Action, repository: string, scope: string): Promise<void> {
    const rights = await this.rights(caller.principal, repository);
    if (rights.has(action) && brought(caller, action, repository)) return;
    if (!caller.presented) throw unauthorized("this needs a token", scope);
    // No other credentials would help, and a client that is told so by 401 would only ask for some.
    if (!(await this.#accounts.users.any())) throw action === "pull" ? hiddenRepository(repository) : nobodyPublishes();
    const anonymous = caller.principal.kind === "anonymous";
    if (anonymous || rights.has(action)) throw unauthorized("this needs another token", scope, "insufficient_scope");
    if (!rights.has("pull")) throw hiddenRepository(repository);
    throw denied(`${caller.actor} may not ${action} ${repository}`);
  }

  /** Throws `registry-server/unauthorized` to who may, and has only to bring a token that says so. */
  async mayMountFrom(caller: Caller, from: string, to: string): Promise<boolean> {
    if (!(await this.rights(caller.principal, from)).has("pull")) return false;
    if (brought(caller, "pull", from)) return true;
    const scope = `repository:${to}:pull,push repository:${from}:pull`;
    throw unauthorized("mounting needs a token for both repositories", scope, "insufficient_scope");
  }

  /** Which repositories a list may show. */
  visibility(caller: Caller): Promise<Visibility> {
    return visibilityOf(caller.principal, (userId) => this.#accounts.namespaces.of(userId));
  }
}

/** Whether the access token, if it is one, was given out for this. An anonymous one is for everything public. */
function brought({ granted, principal }: Caller, action: Action, repository: string): boolean {
  if (granted === undefined) return true;
  const actions = granted.get(`repository:${repository}`);
  return actions?.has(action) === true || (principal.kind === "anonymous" && action === "pull");
}
