import { decodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { decodeBase64 } from "@cpm/oci";
import type { Credential } from "./credentials.ts";
import { credentialsError } from "./errors.ts";

/** A docker `config.json`, a containers `auth.json`, or our own file: they share one form. */
export interface DockerConfig {
  /** The document as read, so that writing it again keeps what is not understood. */
  readonly document: JsonObject;
  readonly credentials: Readonly<Record<string, Credential>>;
  /** Helper program (`docker-credential-<name>`) by registry. */
  readonly helpers: Readonly<Record<string, string>>;
  readonly defaultHelper?: string;
}

/** Throws `registry/credentials` naming the file; never with its content. */
export function parseDockerConfig(text: string, file: string): DockerConfig {
  const document = parseDocument(text, file);
  const credentials: Record<string, Credential> = {};
  for (const [key, entry] of Object.entries(objectAt(document, "auths"))) {
    const credential = isJsonObject(entry) ? parseEntry(entry) : undefined;
    if (credential !== undefined) credentials[keyOfRegistry(key)] = credential;
  }
  const helpers: Record<string, string> = {};
  for (const [key, helper] of Object.entries(objectAt(document, "credHelpers"))) {
    if (typeof helper === "string") helpers[keyOfRegistry(key)] = helper;
  }
  const store = document["credsStore"];
  return {
    document,
    credentials,
    helpers,
    ...(typeof store === "string" && store !== "" ? { defaultHelper: store } : {}),
  };
}

/** `https://index.docker.io/v1/` and `docker.io` name one registry; a path scope (containers) is kept. */
export function keyOfRegistry(key: string): string {
  const bare = key.replace(/^https?:\/\//, "").replace(/\/v[12]\/?$|\/$/, "");
  return bare === "index.docker.io" || bare === "registry-1.docker.io" ? "docker.io" : bare;
}

/** The keys under which a credential may stand, the most specific first. */
export function lookupKeys(registry: string, repository?: string): readonly string[] {
  const parts = (repository ?? "").split("/").filter((part) => part !== "");
  const host = keyOfRegistry(registry);
  return [...parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join("/")), host];
}

function parseDocument(text: string, file: string): JsonObject {
  try {
    const document = parseJson(text, { file });
    if (isJsonObject(document)) return document;
  } catch (cause) {
    throw credentialsError(`${file} is not valid JSON`, cause);
  }
  throw credentialsError(`${file} is not a JSON object`);
}

function objectAt(document: JsonObject, key: string): JsonObject {
  const value = document[key];
  return isJsonObject(value) ? value : {};
}

function parseEntry(entry: JsonObject): Credential | undefined {
  const { auth, identitytoken: identity, registrytoken: access, username, password } = entry;
  if (typeof identity === "string" && identity !== "") return { kind: "identity-token", token: identity };
  if (typeof access === "string" && access !== "") return { kind: "access-token", token: access };
  if (typeof username === "string" && typeof password === "string") return { kind: "password", username, password };
  const bytes = typeof auth === "string" ? decodeBase64(auth) : undefined;
  if (bytes === undefined) return undefined;
  const text = decodeUtf8(bytes);
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { kind: "password", username: text.slice(0, colon), password: text.slice(colon + 1) };
}
