import { encodeUtf8, isJsonObject } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import type { CallOptions } from "@cpm/oci";
import { parseJsonAnswer, refusal } from "./answers.ts";
import { protocolError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** A key that ColonyOS knows somebody by: `Identity` of the ColonyOS client is one. */
export interface Signer {
  readonly id: string;
  /** ECDSA over secp256k1 on the SHA3-256 of the text, with the recovery id, in hex. */
  sign(text: string): string;
}

export interface SignInOptions extends CallOptions {
  /** For people to tell tokens apart. Default: the registry's. */
  readonly label?: string;
  /** Default: read, publish and yank. */
  readonly scopes?: readonly string[];
  /** Which packages the token is for, such as `acme/*`. Default: all. */
  readonly patterns?: readonly string[];
  /** Default: the registry's, 30 days. */
  readonly lifetimeS?: number;
}

export interface SignedIn {
  readonly user: string;
  /** An API token, to be kept as a password. */
  readonly token: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** What a signature is for: one for the one thing is worth nothing for the other. */
export type SignPurpose = "sign in" | "bind";

/**
 * The text that is signed. It names the registry as the signer reached it, so that no other can pass it on; and it
 * is no payload of ColonyOS, which is base64, so that no registry can have a command to a colony signed.
 */
export function textToSign(purpose: SignPurpose, host: string, nonce: string): string {
  return `cpm-registry: ${purpose}\nregistry: ${host}\nnonce: ${nonce}\n`;
}

const accountScope = "registry:account:*";
const maxAnswerBytes = 64 * 1024;

/** Signs in by a key that is bound to a user. Throws `registry/unauthorized` for one that is not. */
export async function signIn(transport: Transport, signer: Signer, options: SignInOptions): Promise<SignedIn> {
  const { label, scopes, patterns, lifetimeS, ...call } = options;
  const fields = {
    ...(label === undefined ? {} : { label }),
    ...(scopes === undefined ? {} : { scopes: [...scopes] }),
    ...(patterns === undefined ? {} : { patterns: [...patterns] }),
    ...(lifetimeS === undefined ? {} : { expiresInS: lifetimeS }),
  };
  const signed = await prove(transport, "sign in", signer, call);
  return readSignedIn(transport, await post(transport, "/api/v1/login", { ...signed, ...fields }, [], "sign in", call));
}

/** Exchanges the identity token of a CI system's job for a token that publishes one package. */
export async function exchangeIdToken(
  transport: Transport,
  idToken: string,
  packageName: string,
  call: CallOptions,
): Promise<SignedIn> {
  const fields = { token: idToken, package: packageName };
  const answer = await post(transport, "/api/v1/login/oidc", fields, [], "exchange an identity token", call);
  return readSignedIn(transport, answer);
}

function readSignedIn(transport: Transport, { user, secret, expiresAt }: JsonObject): SignedIn {
  if (typeof user !== "string" || typeof secret !== "string" || typeof expiresAt !== "string")
    throw protocolError(`${transport.origin.host} gave no token`);
  return { user, token: secret, expiresAt };
}

/** Binds a key to the user whose credentials the client has, who can then sign in by it. */
export async function bindIdentity(transport: Transport, signer: Signer, call: CallOptions): Promise<void> {
  const signed = await prove(transport, "bind", signer, call);
  await post(transport, "/api/v1/identities", signed, [accountScope], "bind an identity", call);
}

async function prove(transport: Transport, purpose: SignPurpose, signer: Signer, call: CallOptions) {
  const { nonce } = await post(transport, "/api/v1/login/challenge", {}, [], "ask for a challenge", call);
  // Whatever else a registry sends is not signed.
  if (typeof nonce !== "string" || !/^[\w.-]{16,400}$/.test(nonce))
    throw protocolError(`${transport.origin.host} gave no challenge`);
  return { nonce, signature: signer.sign(textToSign(purpose, transport.origin.host, nonce)) };
}

async function post(
  transport: Transport,
  target: string,
  body: JsonObject,
  scopes: readonly string[],
  doing: string,
  { signal }: CallOptions,
): Promise<JsonObject> {
  const request = {
    method: "POST",
    target,
    scopes,
    headers: { "content-type": "application/json" },
    body: encodeUtf8(JSON.stringify(body)),
    // A challenge is taken once.
    repeatable: target.endsWith("/challenge"),
    signal,
  };
  const { response, bytes } = await transport.receive(request, maxAnswerBytes);
  if (!response.ok) throw await refusal(transport, response, doing, signal, bytes);
  if (bytes.length === 0) return {};
  const answer = parseJsonAnswer(bytes, `${transport.origin.host}${target}`);
  if (!isJsonObject(answer)) throw protocolError(`the answer to ${target} is not an object`);
  return answer;
}
