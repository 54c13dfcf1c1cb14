import { decodeUtf8, encodeUtf8, isJsonObject, parseJson, printable } from "@cpm/base";
import type { CancelSignal, Clock, JsonValue } from "@cpm/base";
import { encodeBase64, parseChallenges } from "@cpm/oci";
import type { Challenge } from "@cpm/oci";
import { assertAllowedUrl, isLoopback } from "./allowed-url.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { protocolError, registryError } from "./errors.ts";

interface Token {
  readonly header: string;
  readonly expiresAtMs: number;
}

/** Sends one request to a token service: no redirects, no authorization of its own, the whole answer. */
export type TokenRequest = (
  url: URL,
  init: RequestInit,
) => Promise<{ readonly response: Response; readonly bytes: Uint8Array }>;

const defaultLifetimeS = 60;
const expiryMarginMs = 5000;
const clientId = "cpm";

/**
 * Answers a registry's challenges (docker token specification). Tokens are kept by scope until shortly before
 * they expire, renewed without being asked, and asked for once at a time. The token service is the one that the
 * registry itself names; it must be https unless it is on the registry's own host or both are on this machine.
 */
export class Authorizer {
  readonly #registry: URL;
  readonly #credentials: CredentialSource;
  readonly #clock: Clock;
  readonly #request: TokenRequest;
  readonly #tokens = new Map<string, Token>();
  readonly #challenges = new Map<string, Challenge>();
  readonly #pending = new Map<string, Promise<Token>>();
  identified = false;

  constructor(registry: URL, credentials: CredentialSource, clock: Clock, request: TokenRequest) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#clock = clock;
    this.#request = request;
  }

  /** The header for these scopes, if the registry has asked for one before. */
  async header(scopes: readonly string[], signal?: CancelSignal): Promise<string | undefined> {
    const key = keyOf(scopes);
    const challenge = this.#challenges.get(key);
    return this.#fresh(key) ?? (challenge === undefined ? undefined : this.#renew(key, challenge, scopes, signal));
  }

  /** True when there is a credential, and the registry has not yet said what to do with it. */
  async isCurious(scopes: readonly string[]): Promise<boolean> {
    if (this.#challenges.has(keyOf(scopes))) return false;
    return (await this.#credentials.get(this.#registry.host, repositoryOf(scopes))) !== undefined;
  }

  /** A new header after a 401, or undefined when there is nothing to answer the challenge with. */
  async answer(
    response: Response,
    scopes: readonly string[],
    used: string | undefined,
    signal?: CancelSignal,
  ): Promise<string | undefined> {
    const key = keyOf(scopes);
    const current = this.#fresh(key);
    if (current !== undefined && current !== used) return current;
    this.#tokens.delete(key);
    const challenge = pick(parseChallenges(response.headers.get("www-authenticate") ?? ""));
    if (challenge === undefined) return undefined;
    this.#challenges.set(key, challenge);
    return this.#renew(key, challenge, scopes, signal);
  }

  #fresh(key: string): string | undefined {
    const token = this.#tokens.get(key);
    return token !== undefined && token.expiresAtMs > this.#clock.now() ? token.header : undefined;
  }

  /** Several requests may wait for one token; that one of them gives up is not the others' affair. */
  async #renew(
    key: string,
    challenge: Challenge,
    scopes: readonly string[],
    signal: CancelSignal | undefined,
  ): Promise<string | undefined> {
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#obtain(challenge, scopes).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    try {
      const token = await untilAborted(pending, signal);
      this.#tokens.set(key, token);
      return token.header;
    } catch (error) {
      if (error instanceof NoCredential) return undefined;
      throw error;
    }
  }

  async #obtain(challenge: Challenge, scopes: readonly string[]): Promise<Token> {
    const credential = await this.#credentials.get(this.#registry.host, repositoryOf(scopes));
    this.identified ||= credential !== undefined;
    if (credential?.kind === "access-token") return forever(`Bearer ${credential.token}`);
    if (challenge.scheme === "basic") {
      if (credential?.kind !== "password") throw new NoCredential();
      return forever(basicHeader(credential.username, credential.password));
    }
    const wanted = joinScopes(scopes, challenge.parameters["scope"] ?? "");
    const realm = this.#realm(challenge.parameters["realm"] ?? "");
    const service = challenge.parameters["service"] ?? "";
    const { response, bytes } = await this.#ask(realm, service, wanted, credential);
    return this.#read(response, bytes, realm);
  }

  #realm(text: string): URL {
    const realm = URL.parse(text);
    if (realm === null) throw protocolError(`the registry names no usable token service: ${printable(text)}`);
    assertAllowedUrl(realm, this.#registry);
    const near =
      realm.hostname === this.#registry.hostname || (isLoopback(realm.hostname) && isLoopback(this.#registry.hostname));
    if (realm.protocol !== "https:" && !near) {
      throw protocolError(`the token service ${realm.origin} is neither https nor on the registry's own host`);
    }
    return realm;
  }

  async #ask(
    realm: URL,
    service: string,
    scopes: readonly string[],
    credential: Credential | undefined,
  ): ReturnType<TokenRequest> {
    if (credential?.kind === "identity-token") {
      const answer = await this.#exchange(realm, service, scopes, credential.token);
      if (answer.response.status !== 404 && answer.response.status !== 405) return answer;
    }
    const url = new URL(realm);
    if (service !== "") url.searchParams.set("service", service);
    url.searchParams.set("client_id", clientId);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const basic = basicOf(credential);
    const headers: Record<string, string> = basic === undefined ? {} : { authorization: basic };
    return this.#request(url, { method: "GET", headers });
  }

  /** The OAuth2 form of the specification, which not every token service has. */
  #exchange(realm: URL, service: string, scopes: readonly string[], token: string): ReturnType<TokenRequest> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: clientId,
      service,
      scope: scopes.join(" "),
      refresh_token: token,
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return this.#request(realm, { method: "POST", body: form.toString(), headers });
  }

  #read(response: Response, bytes: Uint8Array, realm: URL): Token {
    if (response.status === 400 || response.status === 401 || response.status === 403) {
      throw registryError("registry/unauthorized", `${realm.host} refuses the credentials for ${this.#registry.host}`, {
        context: { registry: this.#registry.host, status: response.status },
      });
    }
    if (response.status === 429)
      throw registryError("registry/rate-limited", `the token service ${realm.host} answered 429`);
    if (response.status !== 200)
      throw registryError("registry/server", `the token service ${realm.host} answered ${response.status}`);
    const body = parseAnswer(bytes);
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

/** An identity token stands in a password's place under the name that docker gives it. */
function basicOf(credential: Credential | undefined): string | undefined {
  if (credential?.kind === "password") return basicHeader(credential.username, credential.password);
  return credential?.kind === "identity-token" ? basicHeader("<token>", credential.token) : undefined;
}

function basicHeader(username: string, password: string): string {
  return `Basic ${encodeBase64(encodeUtf8(`${username}:${password}`))}`;
}

/** Undefined for what is no JSON, which then holds no token. */
function parseAnswer(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(decodeUtf8(bytes), { file: "token" });
  } catch {
    return undefined;
  }
}

/** What is needed, and what the registry asks for beyond it. */
function joinScopes(needed: readonly string[], asked: string): readonly string[] {
  const covers = (scope: string, other: string): boolean => {
    const [left, right] = [scope, other].map((text) => text.lastIndexOf(":"));
    const actions = scope.slice(left).slice(1).split(",");
    const wanted = other.slice(right).slice(1).split(",");
    return scope.slice(0, left) === other.slice(0, right) && wanted.every((action) => actions.includes(action));
  };
  const beyond = asked.split(" ").filter((scope) => scope !== "" && !needed.some((own) => covers(own, scope)));
  return [...new Set([...needed, ...beyond])];
}

function keyOf(scopes: readonly string[]): string {
  return [...scopes].sort().join(" ");
}

function repositoryOf(scopes: readonly string[]): string | undefined {
  return /^repository:(.+):[^:]*$/.exec(scopes[0] ?? "")?.[1];
}

async function untilAborted<T>(promise: Promise<T>, signal: CancelSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
