import type { Caller } from "../access/authenticator.ts";
import { namespaceUnknown, parseRole } from "../access/namespaces.ts";
import { hashPassword } from "../access/passwords.ts";
import type { Principal } from "../access/principal.ts";
import type { TokenListing } from "../access/tokens.ts";
import { denied, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { json, noContent } from "./answers.ts";
import { countOf } from "./count-of.ts";
import { optionalExpiry, optionalFlag, optionalText, readJsonBody, textField, textList } from "./json-body.ts";

/** A user with the right to change accounts: by password, or by a token of scope `admin`. */
type Account = Principal & { readonly kind: "user" };

interface Call {
  readonly parts: RegistryParts;
  readonly caller: Caller;
  readonly request: Request;
  readonly query: URLSearchParams;
  /** What the path names, in order. */
  readonly names: readonly string[];
}

type Route = readonly [method: string, path: RegExp, handle: (call: Call) => Response | Promise<Response>];

const accountScope = "registry:account:*";
const defaultEntries = 100;
const maxEntries = 1000;

/** Users, namespaces, tokens and the audit log, under `/api/v1`. Undefined when the path is none of its own. */
export async function handleAdministration(
  parts: RegistryParts,
  caller: Caller,
  request: Request,
  pathname: string,
  query: URLSearchParams,
): Promise<Response | undefined> {
  const matching = routes.flatMap(([method, path, handle]) => {
    const match = path.exec(pathname);
    return match === null ? [] : [{ method, handle, names: match.slice(1) }];
  });
  if (matching.length === 0) return undefined;
  const route = matching.find(({ method }) => method === request.method);
  if (route === undefined)
    throw registryError("registry-server/unsupported", `${request.method} is not supported here`);
  return route.handle({ parts, caller, request, query, names: route.names });
}

const name = "([^/]+)";
const routes: readonly Route[] = [
  ["GET", /^\/api\/v1\/whoami$/, whoami],
  ["GET", /^\/api\/v1\/tokens$/, listTokens],
  ["POST", /^\/api\/v1\/tokens$/, createToken],
  ["DELETE", new RegExp(`^/api/v1/tokens/${name}$`), revokeToken],
  ["GET", /^\/api\/v1\/users$/, listUsers],
  ["POST", /^\/api\/v1\/users$/, addUser],
  ["DELETE", new RegExp(`^/api/v1/users/${name}$`), removeUser],
  ["GET", /^\/api\/v1\/namespaces$/, listNamespaces],
  ["POST", /^\/api\/v1\/namespaces$/, addNamespace],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}$`), showNamespace],
  ["PATCH", new RegExp(`^/api/v1/namespaces/${name}$`), changeNamespace],
  ["PUT", new RegExp(`^/api/v1/namespaces/${name}/members/${name}$`), setMember],
  ["DELETE", new RegExp(`^/api/v1/namespaces/${name}/members/${name}$`), removeMember],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}/audit$`), namespaceAudit],
  ["GET", /^\/api\/v1\/audit$/, wholeAudit],
];

function whoami({ caller: { principal, presented } }: Call): Response {
  if (!presented) throw unauthorized("this needs a token");
  if (principal.kind !== "user") return json(200, { user: null, admin: false });
  const { user, token } = principal;
  return json(200, {
    user: user.name,
    admin: user.admin,
    ...(token === undefined ? {} : { token: formatLimits(token) }),
  });
}

function listTokens({ parts, caller }: Call): Response {
  const { user } = requireAccount(caller);
  return json(200, { tokens: parts.accounts.tokens.list(user.name).map(formatToken) });
}

/** A token makes no token that can more than itself, and none where it is limited to some packages. */
async function createToken({ parts, caller, request }: Call): Promise<Response> {
  const { user, token } = requireAccount(caller);
  const body = await readJsonBody(request);
  const scopes = textList(body, "scopes", ["read", "publish"]);
  const expiresAt = optionalExpiry(body, "expiresInS", parts.now()) ?? token?.expiresAt;
  if (token !== undefined) {
    const wider = scopes.some((scope) => !token.scopes.some((own) => own === scope));
    const longer = token.expiresAt !== undefined && (expiresAt ?? Number.POSITIVE_INFINITY) > token.expiresAt;
    if (wider || longer || token.patterns.length > 0) throw denied("a token makes no token that can more than itself");
  }
  const label = optionalText(body, "label") ?? "";
  const { secret, ...made } = parts.accounts.tokens.create(
    { user: user.name, label, scopes, patterns: textList(body, "patterns", []), expiresAt },
    caller,
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}

/** Of one's own; an administrator's, of anybody's. */
function revokeToken({ parts, caller, names: [id = ""] }: Call): Response {
  const { user } = requireAccount(caller);
  const owner = parts.accounts.tokens.list(user.admin ? undefined : user.name).find((token) => token.id === id);
  if (owner === undefined) throw registryError("registry-server/token-unknown", "there is no such token");
  parts.accounts.tokens.revoke(id, caller);
  return noContent(204);
}

function listUsers({ parts, caller }: Call): Response {
  requireAdmin(caller);
  return json(200, { users: parts.accounts.users.list() });
}

async function addUser({ parts, caller, request }: Call): Promise<Response> {
  requireAdmin(caller);
  const body = await readJsonBody(request);
  const password = optionalText(body, "password");
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  const user = { name: textField(body, "name"), admin: optionalFlag(body, "admin") ?? false, passwordHash };
  parts.accounts.users.add({ ...user, identities: textList(body, "identities", []) }, caller);
  return noContent(201);
}

function removeUser({ parts, caller, names: [user = ""] }: Call): Response {
  requireAdmin(caller);
  parts.accounts.users.remove(user, caller);
  return noContent(204);
}

function listNamespaces({ parts, caller }: Call): Response {
  const { namespaces } = parts.gate.visibility(caller);
  const listed = parts.accounts.namespaces.list(namespaces);
  return json(200, { namespaces: listed.map(({ name, private: hidden }) => ({ name, private: hidden })) });
}

async function addNamespace({ parts, caller, request }: Call): Promise<Response> {
  requireAdmin(caller);
  const body = await readJsonBody(request);
  const hidden = optionalFlag(body, "private") ?? false;
  parts.accounts.namespaces.add(textField(body, "name"), hidden, optionalText(body, "owner"), caller);
  return noContent(201);
}

function showNamespace({ parts, caller, names: [namespace = ""] }: Call): Response {
  requireManager(parts, caller, namespace);
  return json(200, parts.accounts.namespaces.need(namespace));
}

async function changeNamespace({ parts, caller, request, names: [namespace = ""] }: Call): Promise<Response> {
  requireManager(parts, caller, namespace);
  const hidden = optionalFlag(await readJsonBody(request), "private");
  if (hidden !== undefined) parts.accounts.namespaces.setPrivate(namespace, hidden, caller);
  return noContent(204);
}

async function setMember({ parts, caller, request, names: [namespace = "", user = ""] }: Call): Promise<Response> {
  requireManager(parts, caller, namespace);
  const role = parseRole(textField(await readJsonBody(request), "role"));
  parts.accounts.namespaces.setMember(namespace, user, role, caller);
  return noContent(204);
}

function removeMember({ parts, caller, names: [namespace = "", user = ""] }: Call): Response {
  requireManager(parts, caller, namespace);
  parts.accounts.namespaces.removeMember(namespace, user, caller);
  return noContent(204);
}

function namespaceAudit({ parts, caller, query, names: [namespace = ""] }: Call): Response {
  requireManager(parts, caller, namespace);
  return auditPage(parts, query, namespace);
}

function wholeAudit({ parts, caller, query }: Call): Response {
  requireAdmin(caller);
  return auditPage(parts, query, undefined);
}

function auditPage(parts: RegistryParts, query: URLSearchParams, namespace: string | undefined): Response {
  const limit = Math.min(countOf(query, "limit") ?? defaultEntries, maxEntries);
  const before = countOf(query, "before") ?? Number.MAX_SAFE_INTEGER;
  const entries = parts.accounts.audit.entries(namespace, before, limit);
  return json(200, { entries: entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })) });
}

/** Throws unless the caller is a user who may act for themself, not only read or publish. */
function requireAccount({ principal, presented, granted }: Caller): Account {
  const anonymous = principal.kind !== "user";
  if (!presented || principal.kind === "anonymous") throw unauthorized("this needs a user", accountScope);
  if (anonymous) throw denied("this registry has no users");
  if (principal.token?.scopes.includes("admin") === false) throw denied("the token has not the scope admin");
  if (granted !== undefined && granted.get("registry:account") === undefined)
    throw unauthorized("this needs another token", accountScope, "insufficient_scope");
  return principal;
}

function requireAdmin(caller: Caller): void {
  const { user, token } = requireAccount(caller);
  if (!user.admin || (token !== undefined && token.patterns.length > 0)) throw denied("this is for administrators");
}

/** An owner of the namespace or an administrator. Whom it is hidden from is told that it is not there. */
function requireManager(parts: RegistryParts, caller: Caller, namespace: string): void {
  const { user } = requireAccount(caller);
  const facts = parts.accounts.namespaces.facts(namespace, user.id);
  const visible = facts !== undefined && (!facts.private || user.admin || facts.role !== undefined);
  if (!visible) throw namespaceUnknown(namespace);
  // What a token's pattern must match to cover the whole namespace.
  if (!parts.gate.rights(caller.principal, `${namespace}/`).has("manage"))
    throw denied(`this is for owners of ${namespace}`);
}

function formatToken(token: TokenListing): Record<string, unknown> {
  const { createdAt, expiresAt, revokedAt, lastUsedAt, ...fields } = token;
  const times = { createdAt, expiresAt, revokedAt, lastUsedAt };
  const shown = Object.entries(times).flatMap(([key, at]) =>
    at === undefined ? [] : [[key, new Date(at).toISOString()]],
  );
  return { ...fields, ...Object.fromEntries(shown) };
}

function formatLimits({ id, scopes, patterns, expiresAt }: NonNullable<Account["token"]>): Record<string, unknown> {
  return { id, scopes, patterns, ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }) };
}
