import { decodeUtf8, encodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { CancelSignal, Clock } from "@cpm/base";
import { encodeBase64, parseChallenges } from "@cpm/oci";
import type { Challenge } from "@cpm/oci";
import type { Credential, CredentialSource } from "./credentials.ts";
import { protocolError, registryError } from "./errors.ts";

interface Token {
  readonly header: string;
  readonly expiresAtMs: number;
}

/** Sends one request to a token service: no redirects, no authorization of its own. */
export type TokenRequest = (url: URL, init: RequestInit, signal?: CancelSignal) => Promise<Response>;

const defaultLifetimeS = 60;
const expiryMarginMs = 5000;
const clientId = "cpm";

/**
 * Answers a registry's challenges (docker token specification). Tokens are kept by scope until shortly before
 * they expire, and asked for once at a time. The token service is the one that the registry itself names; it must
 * be https unless it is on the registry's own host.
 */
export class Authorizer {
  readonly #registry: URL;
  readonly #credentials: CredentialSource;
  readonly #clock: Clock;
  readonly #request: TokenRequest;
  readonly #tokens = new Map<string, Token>();
  readonly #pending = new Map<string, Promise<Token>>();

  constructor(registry: URL, credentials: CredentialSource, clock: Clock, request: TokenRequest) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#clock = clock;
    this.#request = request;
  }

  /** The header that worked for these scopes before, if it is still good. */
  current(scopes: readonly string[]): string | undefined {
    const token = this.#tokens.get(keyOf(scopes));
    return token !== undefined && token.expiresAtMs > this.#clock.now() ? token.header : undefined;
  }

  /** A new header after a 401, or undefined when there is nothing to answer the challenge with. */
  async answer(
    response: Response,
    scopes: readonly string[],
    used: string | undefined,
    signal?: CancelSignal,
  ): Promise<string | undefined> {
    const key = keyOf(scopes);
    const current = this.current(scopes);
    if (current !== undefined && current !== used) return current;
    this.#tokens.delete(key);
    const challenge = pick(parseChallenges(response.headers.get("www-authenticate") ?? ""));
    if (challenge === undefined) return undefined;
    const pending = this.#pending.get(key) ?? this.#obtain(challenge, scopes, signal);
    this.#pending.set(key, pending);
    try {
      const token = await pending;
      this.#tokens.set(key, token);
      return token.header;
    } catch (error) {
      if (error instanceof NoCredential) return undefined;
      throw error;
    } finally {
      this.#pending.delete(key);
    }
  }

  async #obtain(challenge: Challenge, scopes: readonly string[], signal?: CancelSignal): Promise<Token> {
    const credential = await this.#credentials.get(this.#registry.host, repositoryOf(scopes));
    if (credential?.kind === "access-token") return forever(`Bearer ${credential.token}`);
    if (challenge.scheme === "basic") {
      if (credential?.kind !== "password") throw new NoCredential();
      return forever(basicHeader(credential.username, credential.password));
    }
    const asked = challenge.parameters["scope"];
    const wanted = [...new Set([...scopes, ...(asked === undefined || asked === "" ? [] : asked.split(" "))])];
    const realm = this.#realm(challenge.parameters["realm"] ?? "");
    const service = challenge.parameters["service"] ?? "";
    const response = await this.#ask(realm, service, wanted, credential, signal);
    return this.#read(response, realm);
  }

  #realm(text: string): URL {
    const realm = URL.parse(text);
    if (realm === null) throw protocolError(`the registry names no usable token service: ${text.slice(0, 200)}`);
    const sameHost = realm.protocol === "http:" && realm.hostname === this.#registry.hostname;
    if (realm.protocol !== "https:" && !(sameHost && this.#registry.protocol === "http:")) {
      throw protocolError(`the token service ${realm.origin} is neither https nor on the registry's own host`);
    }
    return realm;
  }

  async #ask(
    realm: URL,
    service: string,
    scopes: readonly string[],
    credential: Credential | undefined,
    signal?: CancelSignal,
  ): Promise<Response> {
    if (credential?.kind === "identity-token") {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        client_id: clientId,
        service,
        scope: scopes.join(" "),
        refresh_token: credential.token,
      });
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      return this.#request(realm, { method: "POST", body: form.toString(), headers }, signal);
    }
    const url = new URL(realm);
    if (service !== "") url.searchParams.set("service", service);
    url.searchParams.set("client_id", clientId);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const headers =
      credential?.kind === "password" ? { authorization: basicHeader(credential.username, credential.password) } : {};
    return this.#request(url, { method: "GET", headers }, signal);
  }

  async #read(response: Response, realm: URL): Promise<Token> {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status === 400 || response.status === 401 || response.status === 403) {
      throw registryError("registry/unauthorized", `${realm.host} refuses the credentials for ${this.#registry.host}`, {
        context: { registry: this.#registry.host, status: response.status },
      });
    }
    if (response.status !== 200)
      throw registryError("registry/server", `the token service ${realm.host} answered ${response.status}`);
    const body = parseJson(decodeUtf8(bytes), { file: "token" });
    const { token, access_token: access, expires_in: lifetime } = isJsonObject(body) ? body : {};
    const text = typeof token === "string" && token !== "" ? token : access;
    if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) {
      throw protocolError(`the token service ${realm.host} gave no token`);
    }
    const lifetimeS = typeof lifetime === "number" && lifetime > 0 ? lifetime : defaultLifetimeS;
    return {
      header: `Bearer ${text}`,
      expiresAtMs: this.#clock.now() + Math.max(lifetimeS * 1000 - expiryMarginMs, lifetimeS * 500),
    };
  }
}

class NoCredential extends Error {}

function pick(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find((challenge) => challenge.scheme === "bearer") ??
    challenges.find((challenge) => challenge.scheme === "basic")
  );
}

function forever(header: string): Token {
  return { header, expiresAtMs: Number.POSITIVE_INFINITY };
}

function basicHeader(username: string, password: string): string {
  return `Basic ${encodeBase64(encodeUtf8(`${username}:${password}`))}`;
}

function keyOf(scopes: readonly string[]): string {
  return [...scopes].sort().join(" ");
}

function repositoryOf(scopes: readonly string[]): string | undefined {
  return /^repository:(.+):[^:]*$/.exec(scopes[0] ?? "")?.[1];
}
