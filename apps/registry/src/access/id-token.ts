import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { decodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { unauthorized } from "../errors.ts";

/** An identity token (OpenID Connect Core §2) whose signature is still to be checked. */
export interface IdToken {
  readonly issuer: string;
  readonly keyId: string;
  readonly algorithm: string;
  readonly claims: JsonObject;
  readonly signed: string;
  readonly signature: Uint8Array;
}

const maxLength = 16 * 1024;
const skewMs = 60_000;
/** What CI systems give out lives minutes; what lives longer is something else. */
const maxLifetimeMs = 24 * 60 * 60_000;

/** Throws `registry-server/unauthorized` for what is no signed token. */
export function parseIdToken(text: string): IdToken {
  const [header = "", payload = "", signature = "", more] = text.length > maxLength ? [] : text.split(".");
  const head = readPart(header);
  const claims = readPart(payload);
  const { alg, kid } = head ?? {};
  if (more !== undefined || claims === undefined || typeof alg !== "string" || typeof kid !== "string")
    throw unauthorized("the identity token cannot be read");
  const { iss } = claims;
  if (typeof iss !== "string") throw unauthorized("the identity token names no issuer");
  const bytes = Buffer.from(signature, "base64url");
  return { issuer: iss, keyId: kid, algorithm: alg, claims, signed: `${header}.${payload}`, signature: bytes };
}

/** Whether one of the issuer's keys signed it: RS256, ES256 or EdDSA, each only with a key of its own kind. */
export function isSignedBy(token: IdToken, keys: readonly JsonObject[]): boolean {
  const jwk = keys.find((key) => key["kid"] === token.keyId);
  if (jwk === undefined) return false;
  const key = readKey(jwk);
  if (key === undefined) return false;
  const data = Buffer.from(token.signed);
  switch (`${token.algorithm} ${key.asymmetricKeyType} ${key.asymmetricKeyDetails?.namedCurve ?? ""}`.trim()) {
    case "RS256 rsa":
      return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 && verify("sha256", data, key, token.signature);
    case "ES256 ec prime256v1":
      return verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, token.signature);
    case "EdDSA ed25519":
      return verify(null, data, key, token.signature);
    default:
      return false;
  }
}

/** Throws `registry-server/unauthorized` unless it is for us and for now. Answers when it ends. */
export function checkAudienceAndTime({ claims }: IdToken, audience: string, now: number): number {
  const { aud } = claims;
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience)))
    throw unauthorized(`the identity token is not for the audience ${audience}`);
  const [endsAt, from, issued] = [claims["exp"], claims["nbf"] ?? 0, claims["iat"] ?? 0].map(
    (time) => Number(time) * 1000,
  );
  const early = !(Math.max(from ?? Number.NaN, issued ?? Number.NaN) <= now + skewMs);
  if (endsAt === undefined || !(endsAt > now) || endsAt > now + maxLifetimeMs || early)
    throw unauthorized("the identity token is not valid now");
  return endsAt;
}

function readPart(text: string): JsonObject | undefined {
  try {
    const value = parseJson(decodeUtf8(Buffer.from(text, "base64url")));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON: the caller says what is wrong.
  }
}

function readKey(jwk: JsonObject): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return undefined; // An issuer may have keys of kinds that we do not know.
  }
}
