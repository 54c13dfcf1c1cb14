import { checkAudienceAndTime, isSignedBy, parseIdToken } from "../access/id-token.ts";
import type { Origin } from "../access/authenticator.ts";
import { rateLimited, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry.ts";
import { formatToken } from "./account-call.ts";
import { hostOf, json } from "./answers.ts";
import type { TokenService } from "./answers.ts";
import { optionalExpiry, optionalText, readJsonBody, textField, textList } from "./json-body.ts";

/** Enough for a push of one package. */
const jobLifetimeMs = 15 * 60_000;
const defaultLifetimeMs = 30 * 24 * 3_600_000;

/** Signing in without a password: by a ColonyOS key, or by what a CI system says of its job. */
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
  if (pathname.endsWith("/oidc")) return exchange(parts, request, origin, tokens);
  const body = await readJsonBody(request);
  const id = await parts.signIn.signer(
    "sign in",
    hostOf(tokens),
    textField(body, "nonce"),
    textField(body, "signature"),
  );
  const user = await parts.accounts.users.byIdentity(id);
  if (user === undefined)
    throw registryError("registry-server/unbound-identity", `the identity ${id} is no user's of this registry`);
  const { secret, ...made } = await parts.accounts.tokens.create(
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

/**
 * Trusted publishing: an identity token (OpenID Connect) of a CI system for a token that publishes one package. Only
 * issuers that an administrator named are asked for their keys.
 */
async function exchange(
  parts: RegistryParts,
  request: Request,
  origin: Origin,
  tokens: TokenService,
): Promise<Response> {
  const body = await readJsonBody(request);
  const packageName = textField(body, "package");
  const idToken = parseIdToken(textField(body, "token"));
  const { issuer, keyId, claims, signed } = idToken;
  const { publishers } = parts.accounts;
  if (!(await publishers.knowsIssuer(issuer)))
    throw unauthorized("the identity token is of an issuer that is not trusted here");
  if (!isSignedBy(idToken, await parts.issuerKeys.get(issuer, keyId)))
    throw unauthorized("the identity token is not signed by its issuer");
  const endsAt = checkAudienceAndTime(idToken, tokens.service, parts.now());
  const publisher = await publishers.match(issuer, claims, packageName);
  if (publisher === undefined) throw unauthorized(`no publisher of ${packageName.slice(0, 200)} has these claims`);
  if (!(await publishers.spend(signed, endsAt))) throw unauthorized("the identity token was exchanged before");
  const { secret, ...made } = await parts.accounts.tokens.create(
    {
      user: publisher.user,
      label: `publisher ${publisher.id}`,
      scopes: ["publish"],
      patterns: [packageName],
      expiresAt: parts.now() + jobLifetimeMs,
    },
    { actor: `${publisher.user}/${publisher.id}`, requestId: origin.requestId },
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}
