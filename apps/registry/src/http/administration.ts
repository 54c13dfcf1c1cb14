import { parseRole } from "../access/namespaces.ts";
import { hashPassword } from "../access/passwords.ts";
import { denied, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { formatLimits, formatToken, requireAccount, requireAdmin, requireManager } from "./account-call.ts";
import type { Call } from "./account-call.ts";
import { json, noContent } from "./answers.ts";
import { countOf } from "./count-of.ts";
import { optionalExpiry, optionalFlag, optionalText, textField, textList } from "./json-body.ts";

const defaultEntries = 100;
const maxEntries = 1000;

export async function whoami({ parts, caller: { principal, presented } }: Call): Promise<Response> {
  if (!presented) throw unauthorized("this needs a token");
  if (principal.kind !== "user") return json(200, { user: null, admin: false });
  const { user, token } = principal;
  const identities = await parts.accounts.users.identitiesOf(user.id);
  return json(200, {
    user: user.name,
    admin: user.admin,
    identities,
    ...(token === undefined ? {} : { token: formatLimits(token) }),
  });
}

export async function listTokens({ parts, caller }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  return json(200, { tokens: (await parts.accounts.tokens.list(user.name)).map(formatToken) });
}

/** A token makes no token that can more than itself, and none where it is limited to some packages. */
export async function createToken({ parts, caller, body }: Call): Promise<Response> {
  const { user, token } = requireAccount(caller);
  const fields = await body();
  const scopes = textList(fields, "scopes", ["read", "publish"]);
  const expiresAt = optionalExpiry(fields, "expiresInS", parts.now()) ?? token?.expiresAt;
  if (token !== undefined) {
    const wider = scopes.some((scope) => !token.scopes.some((own) => own === scope));
    const longer = token.expiresAt !== undefined && (expiresAt ?? Number.POSITIVE_INFINITY) > token.expiresAt;
    if (wider || longer || token.patterns.length > 0) throw denied("a token makes no token that can more than itself");
  }
  const label = optionalText(fields, "label") ?? "";
  const { secret, ...made } = await parts.accounts.tokens.create(
    { user: user.name, label, scopes, patterns: textList(fields, "patterns", []), expiresAt },
    caller,
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}

/** Of one's own; an administrator's, of anybody's. */
export async function revokeToken({ parts, caller, names: [id = ""] }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  const tokens = await parts.accounts.tokens.list(user.admin ? undefined : user.name);
  const owner = tokens.find((token) => token.id === id);
  if (owner === undefined) throw registryError("registry-server/token-unknown", "there is no such token");
  await parts.accounts.tokens.revoke(id, caller);
  return noContent(204);
}

export async function listUsers({ parts, caller }: Call): Promise<Response> {
  requireAdmin(caller);
  return json(200, { users: await parts.accounts.users.list() });
}

export async function addUser({ parts, caller, body }: Call): Promise<Response> {
  requireAdmin(caller);
  const fields = await body();
  const password = optionalText(fields, "password");
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  const user = { name: textField(fields, "name"), admin: optionalFlag(fields, "admin") ?? false, passwordHash };
  await parts.accounts.users.add({ ...user, identities: textList(fields, "identities", []) }, caller);
  return noContent(201);
}

export async function removeUser({ parts, caller, names: [user = ""] }: Call): Promise<Response> {
  requireAdmin(caller);
  await parts.accounts.users.remove(user, caller);
  return noContent(204);
}

export async function listNamespaces({ parts, caller }: Call): Promise<Response> {
  const { namespaces } = await parts.gate.visibility(caller);
  const listed = await parts.accounts.namespaces.list(namespaces);
  return json(200, { namespaces: listed.map(({ name, private: hidden }) => ({ name, private: hidden })) });
}

export async function addNamespace({ parts, caller, body }: Call): Promise<Response> {
  requireAdmin(caller);
  const fields = await body();
  const hidden = optionalFlag(fields, "private") ?? false;
  await parts.accounts.namespaces.add(textField(fields, "name"), hidden, optionalText(fields, "owner"), caller);
  return noContent(201);
}

export async function showNamespace({ parts, caller, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  return json(200, await parts.accounts.namespaces.need(namespace));
}

export async function changeNamespace({ parts, caller, body, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const hidden = optionalFlag(await body(), "private");
  if (hidden !== undefined) await parts.accounts.namespaces.setPrivate(namespace, hidden, caller);
  return noContent(204);
}

export async function setMember({ parts, caller, body, names: [namespace = "", user = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const role = parseRole(textField(await body(), "role"));
  await parts.accounts.namespaces.setMember(namespace, user, role, caller);
  return noContent(204);
}

export async function removeMember({ parts, caller, names: [namespace = "", user = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  await parts.accounts.namespaces.removeMember(namespace, user, caller);
  return noContent(204);
}

export async function namespaceAudit({ parts, caller, query, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  return auditPage(parts, query, namespace);
}

export function wholeAudit({ parts, caller, query }: Call): Promise<Response> {
  requireAdmin(caller);
  return auditPage(parts, query, undefined);
}

async function auditPage(
  parts: RegistryParts,
  query: URLSearchParams,
  namespace: string | undefined,
): Promise<Response> {
  const limit = Math.min(countOf(query, "limit") ?? defaultEntries, maxEntries);
  const before = countOf(query, "before") ?? Number.MAX_SAFE_INTEGER;
  const entries = await parts.accounts.audit.entries(namespace, before, limit);
  return json(200, { entries: entries.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })) });
}
