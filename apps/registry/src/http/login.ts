import { checkAudienceAndTime, isSignedBy, parseIdToken } from "../access/id-token.ts";
import type { Origin } from "../access/authenticator.ts";
import { rateLimited, registryError, unauthorized } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import { formatToken } from "./account-call.ts";
import type { SignInCall } from "./account-call.ts";
import { hostOf, json } from "./answers.ts";
import { optionalExpiry, optionalText, textField, textList } from "./json-body.ts";

/** Enough for a push of one package. */
const jobLifetimeMs = 15 * 60_000;
const defaultLifetimeMs = 30 * 24 * 3_600_000;

/** A nonce to sign with a ColonyOS key. */
export function challenge({ parts, origin }: SignInCall): Response {
  limitRate(parts, origin);
  const { nonce, expiresAt } = parts.signIn.challenge();
  return json(200, { nonce, expiresAt: new Date(expiresAt).toISOString() }, { "cache-control": "no-store" });
}

/** Signing in without a password, by a ColonyOS key. */
export async function signInByKey({ parts, origin, tokens, body }: SignInCall): Promise<Response> {
  limitRate(parts, origin);
  const fields = await body();
  const [nonce, signature] = [textField(fields, "nonce"), textField(fields, "signature")];
  const id = await parts.signIn.signer("sign in", hostOf(tokens), nonce, signature);
  const user = await parts.accounts.users.byIdentity(id);
  if (user === undefined)
    throw registryError("registry-server/unbound-identity", `the identity ${id} is no user's of this registry`);
  const { secret, ...made } = await parts.accounts.tokens.create(
    {
      user: user.name,
      label: optionalText(fields, "label") ?? `ColonyOS ${id.slice(0, 8)}`,
      scopes: textList(fields, "scopes", ["read", "publish", "yank"]),
      patterns: textList(fields, "patterns", []),
      expiresAt: optionalExpiry(fields, "expiresInS", parts.now()) ?? parts.now() + defaultLifetimeMs,
    },
    { actor: user.name, requestId: origin.requestId },
  );
  return json(201, { ...formatToken(made), secret }, { "cache-control": "no-store" });
}

/**
 * Trusted publishing: an identity token (OpenID Connect) of a CI system for a token that publishes one package. Only
 * issuers that an administrator named are asked for their keys.
 */
export async function exchangeIdToken({ parts, origin, tokens, body }: SignInCall): Promise<Response> {
  limitRate(parts, origin);
  const fields = await body();
  const packageName = textField(fields, "package");
  const idToken = parseIdToken(textField(fields, "token"));
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

function limitRate({ rates }: RegistryParts, { address }: Origin): void {
  const waitS = rates.tokens.take(address);
  if (waitS > 0) throw rateLimited("too many requests for tokens", waitS);
}
