import type { Origin } from "../access/authenticator.ts";
import { rateLimited, registryError } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { formatToken } from "./account-call.ts";
import { hostOf, json } from "./answers.ts";
import type { TokenService } from "./answers.ts";
import { optionalExpiry, optionalText, readJsonBody, textField, textList } from "./json-body.ts";

const defaultLifetimeMs = 30 * 24 * 3_600_000;

/** Signing in by a ColonyOS key: a challenge, and a token for its signature. */
export async function handleLogin(
  parts: RegistryParts,
  request: Request,
  pathname: string,
  origin: Origin,
  tokens: TokenService,
): Promise<Response> {
  if (request.method !== "POST")
    throw registryError("registry-server/unsupported", `${request.method} is not supported here`);
  const waitS = parts.rates.tokens.take(origin.address);
  if (waitS > 0) throw rateLimited("too many requests for tokens", waitS);
  if (pathname.endsWith("/challenge")) {
    const { nonce, expiresAt } = parts.signIn.challenge();
    return json(200, { nonce, expiresAt: new Date(expiresAt).toISOString() }, { "cache-control": "no-store" });
  }
  const body = await readJsonBody(request);
  const id = parts.signIn.signer("sign in", hostOf(tokens), textField(body, "nonce"), textField(body, "signature"));
  const user = parts.accounts.users.byIdentity(id);
  if (user === undefined)
    throw registryError("registry-server/unbound-identity", `the identity ${id} is no user's of this registry`);
  const { secret, ...made } = parts.accounts.tokens.create(
    {
      user: user.name,
      label: optionalText(body, "label") ?? `ColonyOS ${id.slice(0, 8)}`,
      scopes: textList(body, "scopes", ["read", "publish", "yank"]),
      patterns: textList(body, "patterns", []),
      expiresAt: optionalExpiry(body, "expiresInS", parts.now()) ?? parts.now() + defaultLifetimeMs,
    },
    { actor: user.name, requestId: origin.requestId },
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}
