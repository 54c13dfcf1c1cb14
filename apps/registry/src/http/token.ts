import { collectBytes, decodeUtf8 } from "@cpm/base";
import { accessInvalid } from "../access/access-invalid.ts";
import type { Granted } from "../access/access-token.ts";
import type { Caller, Origin } from "../access/authenticator.ts";
import { parseDockerScopes } from "../access/docker-scope.ts";
import type { Principal } from "../access/principal.ts";
import { rateLimited, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { json } from "./answers.ts";
import type { TokenService } from "./answers.ts";

const lifetimeMs = 60 * 60_000;
const maxFormBytes = 64 * 1024;

/**
 * Gives out access tokens (docker token specification; by POST its OAuth2 form). Whoever shows nothing gets one for
 * what is public. Rights that are missing are no error: the token has what is left of the scopes asked for.
 */
export async function handleToken(
  parts: RegistryParts,
  request: Request,
  origin: Origin,
  { service }: TokenService,
): Promise<Response> {
  const waitS = parts.rates.tokens.take(origin.address);
  if (waitS > 0) throw rateLimited("too many requests for tokens", waitS);
  const { principal, asked } = await readRequest(parts, request, origin);
  const wanted = asked.get("service");
  if (wanted !== null && wanted !== service)
    throw accessInvalid(`this registry gives out tokens for ${service}, not ${wanted.slice(0, 100)}`);
  const granted = await grant(parts, principal, asked.getAll("scope"));
  const now = parts.now();
  const limitAt =
    principal.kind === "user" ? (principal.token?.expiresAt ?? Number.POSITIVE_INFINITY) : now + lifetimeMs;
  const expiresAt = Math.min(now + lifetimeMs, limitAt);
  const subject = await parts.authenticator.subjectOf(principal);
  const token = parts.accessTokens.issue({ subject, granted, expiresAt });
  return json(
    200,
    {
      token,
      access_token: token,
      token_type: "Bearer",
      expires_in: Math.floor((expiresAt - now) / 1000),
      issued_at: new Date(now).toISOString(),
      scope: [...granted].map(([resource, actions]) => `${resource}:${[...actions].join(",")}`).join(" "),
    },
    { "cache-control": "no-store" },
  );
}

async function readRequest(
  parts: RegistryParts,
  request: Request,
  origin: Origin,
): Promise<{ readonly principal: Principal; readonly asked: URLSearchParams }> {
  if (request.method === "GET") {
    const caller = await parts.authenticator.identify(request.headers.get("authorization"), origin);
    return { principal: ownCredentials(caller), asked: new URL(request.url).searchParams };
  }
  if (request.method !== "POST")
    throw registryError("registry-server/unsupported", `${request.method} is not supported here`);
  const body =
    request.body === null
      ? new Uint8Array(0)
      : await collectBytes(request.body as AsyncIterable<Uint8Array>, maxFormBytes);
  const asked = new URLSearchParams(decodeUtf8(body));
  const [username, password] =
    asked.get("grant_type") === "refresh_token"
      ? ["", asked.get("refresh_token") ?? ""]
      : [asked.get("username") ?? "", asked.get("password") ?? ""];
  return { principal: await parts.authenticator.signIn(username, password, origin), asked };
}

/** An access token gets no other: it would be a way around its scopes and its end. */
function ownCredentials({ principal, granted }: Caller): Principal {
  if (granted !== undefined) throw unauthorized("an access token is not exchanged for another");
  return principal;
}

async function grant(parts: RegistryParts, principal: Principal, texts: readonly string[]): Promise<Granted> {
  const granted = new Map<string, Set<string>>();
  for (const { type, name, actions } of parseDockerScopes(texts)) {
    const possible = await possibleActions(parts, principal, type, name);
    const asked = actions.includes("*") ? [...possible] : actions.filter((action) => possible.has(action));
    if (asked.length === 0) continue;
    const key = `${type}:${name}`;
    granted.set(key, new Set([...(granted.get(key) ?? []), ...asked]));
  }
  return granted;
}

async function possibleActions(
  parts: RegistryParts,
  principal: Principal,
  type: string,
  name: string,
): Promise<ReadonlySet<string>> {
  if (type === "repository") return parts.gate.rights(principal, name);
  if (type === "registry" && name === "catalog") return new Set(["*"]);
  const account = type === "registry" && name === "account" && principal.kind === "user";
  return account && principal.token?.scopes.includes("admin") !== false ? new Set(["*"]) : new Set();
}
