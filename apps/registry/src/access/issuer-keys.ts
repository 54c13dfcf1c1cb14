import { collectBytes, decodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { issuerUnreachable } from "../errors.ts";
import { isAllowedIssuer } from "./issuer-address.ts";
import type { Publishers } from "./publishers.ts";

const maxBytes = 1024 * 1024;
const timeoutMs = 10_000;
/** How long keys are taken for fresh, and how soon they are fetched again for a key that is not among them. */
const freshMs = 10 * 60_000;
const againMs = 60_000;

/**
 * The public keys of issuers (OpenID Connect Discovery §4). They are kept in the database, so that what was seen once
 * also works where the issuer cannot be reached.
 */
export class IssuerKeys {
  readonly #publishers: Publishers;
  readonly #now: () => number;

  constructor(publishers: Publishers, now: () => number) {
    this.#publishers = publishers;
    this.#now = now;
  }

  /** `keyId` is the one that is needed. Throws `registry-server/issuer-unreachable` where there are none to be had. */
  async get(issuer: string, keyId: string): Promise<readonly JsonObject[]> {
    const kept = await this.#publishers.keysOf(issuer);
    if (kept !== undefined) {
      const ageMs = this.#now() - kept.fetchedAt;
      const known = kept.keys.some((key) => key["kid"] === keyId);
      if (ageMs < (known ? freshMs : againMs)) return kept.keys;
    }
    try {
      const keys = await fetchKeys(issuer);
      await this.#publishers.keepKeys(issuer, keys);
      return keys;
    } catch (error) {
      if (kept === undefined) throw issuerUnreachable(issuer, error);
      return kept.keys;
    }
  }
}

async function fetchKeys(issuer: string): Promise<readonly JsonObject[]> {
  const { issuer: own, jwks_uri: address } = await fetchJson(
    `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
  );
  if (own !== issuer || typeof address !== "string" || !isAllowedIssuer(address))
    throw new Error("its configuration is of another issuer, or names no keys");
  const { keys } = await fetchJson(address);
  if (!Array.isArray(keys)) throw new Error("it has no list of keys");
  return keys.filter(isJsonObject);
}

async function fetchJson(url: string): Promise<JsonObject> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  const value = parseJson(decodeUtf8(await collectBytes(response.body as AsyncIterable<Uint8Array>, maxBytes)));
  if (!isJsonObject(value)) throw new Error(`${url} is no object`);
  return value;
}
