import { spawn } from "node:child_process";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { collectBytes, decodeUtf8, encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { encodeBase64 } from "@cpm/oci";
import { firstOf } from "./credentials.ts";
import type { Credential, CredentialSource, CredentialStore } from "./credentials.ts";
import { keyOfRegistry, lookupKeys, parseDockerConfig } from "./docker-config.ts";
import type { DockerConfig } from "./docker-config.ts";
import { credentialsError } from "./errors.ts";

/** The user's sources in order: our own file, then containers' and docker's. `environment` is `process.env`. */
export function userCredentials(
  ownFile: string,
  homeDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): CredentialSource {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const containers = environment["REGISTRY_AUTH_FILE"] ?? (runtime && join(runtime, "containers/auth.json"));
  const docker = join(environment["DOCKER_CONFIG"] ?? join(homeDirectory, ".docker"), "config.json");
  const files = [ownFile, ...(containers ? [containers] : []), docker];
  return firstOf(...files.map(credentialFile));
}

/** A file in docker's form. A file that is not there holds nothing; it is written with mode 0600. */
export function credentialFile(path: string): CredentialStore {
  return {
    async get(registry, repository) {
      const config = await load(path);
      for (const key of lookupKeys(registry, repository)) {
        const helper = config.helpers[key];
        // oxlint-disable-next-line no-await-in-loop -- ends at the first key that is there
        if (helper !== undefined) return askHelper(helper, key);
        const credential = config.credentials[key];
        if (credential !== undefined) return credential;
      }
      return config.defaultHelper === undefined ? undefined : askHelper(config.defaultHelper, keyOfRegistry(registry));
    },
    async store(registry, credential) {
      const { document } = await load(path);
      const auths = { ...authsOf(document), [keyOfRegistry(registry)]: formatEntry(credential) };
      await save(path, { ...document, auths });
    },
    async erase(registry) {
      const { document } = await load(path);
      const auths = authsOf(document);
      const kept = Object.entries(auths).filter(([key]) => keyOfRegistry(key) !== keyOfRegistry(registry));
      if (kept.length === Object.keys(auths).length) return false;
      await save(path, { ...document, auths: Object.fromEntries(kept) });
      return true;
    },
  };
}

async function load(path: string): Promise<DockerConfig> {
  try {
    return parseDockerConfig(await readFile(path, "utf8"), path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return parseDockerConfig("{}", path);
    throw error;
  }
}

async function save(path: string, document: JsonObject): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${stringifyJson(document, 2)}\n`, { mode: 0o600 });
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw credentialsError(`${path} cannot be written`, cause);
  }
}

function authsOf(document: JsonObject): JsonObject {
  const auths = document["auths"];
  return isJsonObject(auths) ? auths : {};
}

function formatEntry(credential: Credential): JsonObject {
  if (credential.kind === "identity-token") return { identitytoken: credential.token };
  if (credential.kind === "access-token") return { registrytoken: credential.token };
  return { auth: encodeBase64(encodeUtf8(`${credential.username}:${credential.password}`)) };
}

/** Runs `docker-credential-<name> get`. A helper that fails has nothing for the registry. */
async function askHelper(name: string, registry: string): Promise<Credential | undefined> {
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) throw credentialsError(`"${name}" is not the name of a credential helper`);
  const child = spawn(`docker-credential-${name}`, ["get"], { stdio: ["pipe", "pipe", "ignore"], timeout: 30_000 });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  try {
    child.stdin.end(registry === "docker.io" ? "https://index.docker.io/v1/" : registry);
    const [status, bytes] = await Promise.all([ended, collectBytes(child.stdout, 64 * 1024)]);
    if (status !== 0) return undefined;
    const answer = parseJson(decodeUtf8(bytes), { file: `docker-credential-${name}` });
    const { Username: username, Secret: secret } = isJsonObject(answer) ? answer : {};
    if (typeof username !== "string" || typeof secret !== "string") return undefined;
    if (username === "<token>") return { kind: "identity-token", token: secret };
    return { kind: "password", username, password: secret };
  } catch (cause) {
    throw credentialsError(`docker-credential-${name} did not answer`, cause);
  }
}
