import type { Caller } from "../access/authenticator.ts";
import { parseRole } from "../access/namespaces.ts";
import { hashPassword } from "../access/passwords.ts";
import { denied, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { formatLimits, formatToken, requireAccount, requireAdmin, requireManager } from "./account-call.ts";
import type { Call } from "./account-call.ts";
import { json, noContent } from "./answers.ts";
import { countOf } from "./count-of.ts";
import { bindIdentity, bindIdentityOf, unbindIdentity, unbindIdentityOf } from "./identities.ts";
import { addWebhook, listDeliveries, listWebhooks, redeliver, removeWebhook, testWebhook } from "./webhooks.ts";
import { optionalExpiry, optionalFlag, optionalText, readJsonBody, textField, textList } from "./json-body.ts";

type Route = readonly [method: string, path: RegExp, handle: (call: Call) => Response | Promise<Response>];

const defaultEntries = 100;
const maxEntries = 1000;

/** Users, namespaces, tokens and the audit log, under `/api/v1`. Undefined when the path is none of its own. */
export async function handleAdministration(
  parts: RegistryParts,
  caller: Caller,
  request: Request,
  pathname: string,
  query: URLSearchParams,
  host: string,
): Promise<Response | undefined> {
  const matching = routes.flatMap(([method, path, handle]) => {
    const match = path.exec(pathname);
    return match === null ? [] : [{ method, handle, names: match.slice(1) }];
  });
  if (matching.length === 0) return undefined;
  const route = matching.find(({ method }) => method === request.method);
  if (route === undefined)
    throw registryError("registry-server/unsupported", `${request.method} is not supported here`);
  return route.handle({ parts, caller, request, query, host, names: route.names });
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
  ["POST", /^\/api\/v1\/identities$/, bindIdentity],
  ["DELETE", new RegExp(`^/api/v1/identities/${name}$`), unbindIdentity],
  ["PUT", new RegExp(`^/api/v1/users/${name}/identities/${name}$`), bindIdentityOf],
  ["DELETE", new RegExp(`^/api/v1/users/${name}/identities/${name}$`), unbindIdentityOf],
  ["GET", /^\/api\/v1\/namespaces$/, listNamespaces],
  ["POST", /^\/api\/v1\/namespaces$/, addNamespace],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}$`), showNamespace],
  ["PATCH", new RegExp(`^/api/v1/namespaces/${name}$`), changeNamespace],
  ["PUT", new RegExp(`^/api/v1/namespaces/${name}/members/${name}$`), setMember],
  ["DELETE", new RegExp(`^/api/v1/namespaces/${name}/members/${name}$`), removeMember],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}/audit$`), namespaceAudit],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}/webhooks$`), listWebhooks],
  ["POST", new RegExp(`^/api/v1/namespaces/${name}/webhooks$`), addWebhook],
  ["DELETE", new RegExp(`^/api/v1/namespaces/${name}/webhooks/${name}$`), removeWebhook],
  ["POST", new RegExp(`^/api/v1/namespaces/${name}/webhooks/${name}/test$`), testWebhook],
  ["GET", new RegExp(`^/api/v1/namespaces/${name}/webhooks/${name}/deliveries$`), listDeliveries],
  ["POST", new RegExp(`^/api/v1/namespaces/${name}/webhooks/${name}/deliveries/${name}/redeliver$`), redeliver],
  ["GET", /^\/api\/v1\/audit$/, wholeAudit],
];

async function whoami({ parts, caller: { principal, presented } }: Call): Promise<Response> {
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

async function listTokens({ parts, caller }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  return json(200, { tokens: (await parts.accounts.tokens.list(user.name)).map(formatToken) });
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
  const { secret, ...made } = await parts.accounts.tokens.create(
    { user: user.name, label, scopes, patterns: textList(body, "patterns", []), expiresAt },
    caller,
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}

/** Of one's own; an administrator's, of anybody's. */
async function revokeToken({ parts, caller, names: [id = ""] }: Call): Promise<Response> {
  const { user } = requireAccount(caller);
  const tokens = await parts.accounts.tokens.list(user.admin ? undefined : user.name);
  const owner = tokens.find((token) => token.id === id);
  if (owner === undefined) throw registryError("registry-server/token-unknown", "there is no such token");
  await parts.accounts.tokens.revoke(id, caller);
  return noContent(204);
}

async function listUsers({ parts, caller }: Call): Promise<Response> {
  requireAdmin(caller);
  return json(200, { users: await parts.accounts.users.list() });
}

async function addUser({ parts, caller, request }: Call): Promise<Response> {
  requireAdmin(caller);
  const body = await readJsonBody(request);
  const password = optionalText(body, "password");
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  const user = { name: textField(body, "name"), admin: optionalFlag(body, "admin") ?? false, passwordHash };
  await parts.accounts.users.add({ ...user, identities: textList(body, "identities", []) }, caller);
  return noContent(201);
}

async function removeUser({ parts, caller, names: [user = ""] }: Call): Promise<Response> {
  requireAdmin(caller);
  await parts.accounts.users.remove(user, caller);
  return noContent(204);
}

async function listNamespaces({ parts, caller }: Call): Promise<Response> {
  const { namespaces } = await parts.gate.visibility(caller);
  const listed = await parts.accounts.namespaces.list(namespaces);
  return json(200, { namespaces: listed.map(({ name, private: hidden }) => ({ name, private: hidden })) });
}

async function addNamespace({ parts, caller, request }: Call): Promise<Response> {
  requireAdmin(caller);
  const body = await readJsonBody(request);
  const hidden = optionalFlag(body, "private") ?? false;
  await parts.accounts.namespaces.add(textField(body, "name"), hidden, optionalText(body, "owner"), caller);
  return noContent(201);
}

async function showNamespace({ parts, caller, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  return json(200, await parts.accounts.namespaces.need(namespace));
}

async function changeNamespace({ parts, caller, request, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const hidden = optionalFlag(await readJsonBody(request), "private");
  if (hidden !== undefined) await parts.accounts.namespaces.setPrivate(namespace, hidden, caller);
  return noContent(204);
}

async function setMember({ parts, caller, request, names: [namespace = "", user = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const role = parseRole(textField(await readJsonBody(request), "role"));
  await parts.accounts.namespaces.setMember(namespace, user, role, caller);
  return noContent(204);
}

async function removeMember({ parts, caller, names: [namespace = "", user = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  await parts.accounts.namespaces.removeMember(namespace, user, caller);
  return noContent(204);
}

async function namespaceAudit({ parts, caller, query, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  return auditPage(parts, query, namespace);
}

function wholeAudit({ parts, caller, query }: Call): Promise<Response> {
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
