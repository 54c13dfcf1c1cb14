import { isCpmError } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import type { RegistryClient, SignedIn } from "@cpm/registry-client";
import type { CliContext } from "./context.ts";
import { cliError, missingSetting } from "./errors.ts";
import { ask, askHidden } from "./prompt.ts";
import type { ResolvedSettings } from "./settings.ts";

/** What is stored for a registry: the name, and a password or an API token in its place. */
export interface StoredCredential {
  readonly kind: "password";
  readonly username: string;
  readonly password: string;
}

/** A registry's client with these credentials and no others; without any it asks as nobody. */
export type ClientWith = (credential?: StoredCredential) => RegistryClient;

interface GivenCredential {
  readonly username: string | undefined;
  readonly passwordFromStdin: boolean;
}

/** Asks for what was not given, and asks the registry. Throws `cli/login-failed` when it does not take it. */
export async function signInByPassword(
  context: CliContext,
  clientWith: ClientWith,
  given: GivenCredential,
): Promise<StoredCredential> {
  const host = clientWith().registry;
  const username = given.username ?? (await ask(context, `User name at ${host}`, "--username"));
  const password = given.passwordFromStdin
    ? await readLastLine(context)
    : await askHidden(context, "Password or token", "--password-stdin");
  const credential = { kind: "password" as const, username, password };
  try {
    await clientWith(credential).ping({ signal: context.signal });
  } catch (error) {
    throw loginFailed(error, `${host} does not take these credentials`);
  }
  return credential;
}

/** By the key that ColonyOS knows the user by. Throws `cli/login-failed` for one that is nobody's at the registry. */
export async function signInByKey(
  context: CliContext,
  clientWith: ClientWith,
  identity: Identity,
): Promise<StoredCredential> {
  const client = clientWith();
  try {
    return toCredential(await client.signIn(identity, { signal: context.signal }));
  } catch (error) {
    throw loginFailed(error, `${client.registry} does not know the ColonyOS identity ${identity.id}`);
  }
}

/** Whether a key cannot be the way in: it is nobody's here, or the registry has no such sign-in. */
export function isOfNoUse(error: unknown): boolean {
  return isCpmError(error, "cli/login-failed") || isCpmError(error, "registry/not-found");
}

/** Makes the key a way in for the user whose credentials are known, and signs in by it. */
export async function bindKey(
  context: CliContext,
  clientWith: ClientWith,
  credential: StoredCredential,
  identity: Identity,
): Promise<StoredCredential> {
  await clientWith(credential).bindIdentity(identity, { signal: context.signal });
  return signInByKey(context, clientWith, identity);
}

/** For a job of a CI system: a token of some minutes, for one package. */
export async function signInByIdToken(
  context: CliContext,
  clientWith: ClientWith,
  packageName: string,
): Promise<StoredCredential> {
  const client = clientWith();
  const idToken = await readLastLine(context);
  try {
    return toCredential(await client.exchangeIdToken(idToken, packageName, { signal: context.signal }));
  } catch (error) {
    throw loginFailed(error, `${client.registry} does not take the identity token for ${packageName}`);
  }
}

/** Throws `cli/missing-setting`. */
export function requireIdentity({ privateKey }: ResolvedSettings): Identity {
  if (privateKey === undefined) throw missingSetting("your private key", "COLONIES_PRVKEY");
  return Identity.fromPrivateKey(privateKey);
}

function toCredential({ user, token }: SignedIn): StoredCredential {
  return { kind: "password", username: user, password: token };
}

async function readLastLine({ stdin }: CliContext): Promise<string> {
  return (await stdin.readAll()).replace(/\r?\n$/, "");
}

function loginFailed(error: unknown, message: string): unknown {
  return isCpmError(error, "registry/unauthorized") ? cliError("cli/login-failed", message, error) : error;
}
