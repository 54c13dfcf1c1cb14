import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeUtf8, isJsonObject, stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { encodeBase64 } from "@cpm/oci";
import { CredentialHelper } from "./credential-helper.ts";
import type { Environment } from "./credential-helper.ts";
import { firstOf } from "./credentials.ts";
import type { Credential, CredentialSource, CredentialStore } from "./credentials.ts";
import { keyOfRegistry, lookupKeys, parseDockerConfig } from "./docker-config.ts";
import type { DockerConfig } from "./docker-config.ts";
import { credentialsError } from "./errors.ts";

/** The user's sources in order: our own file, then containers' and docker's. `environment` is `process.env`. */
export function userCredentials(ownFile: string, homeDirectory: string, environment: Environment): CredentialSource {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const containers = environment["REGISTRY_AUTH_FILE"] ?? (runtime && join(runtime, "containers/auth.json"));
  const docker = join(environment["DOCKER_CONFIG"] ?? join(homeDirectory, ".docker"), "config.json");
  const files = [ownFile, ...(containers ? [containers] : []), docker];
  return firstOf(...files.map((file) => credentialFile(file, environment)));
}

/**
 * A file in docker's form. A file that is not there holds nothing; it is written with mode 0600, and a credential
 * goes to the helper that the file names for the registry, where it names one. `environment` is what helpers get.
 */
export function credentialFile(path: string, environment: Environment = process.env): CredentialStore {
  const helperFor = (config: DockerConfig, registry: string): CredentialHelper | undefined => {
    const name = config.helpers[keyOfRegistry(registry)] ?? config.defaultHelper;
    return name === undefined ? undefined : new CredentialHelper(name, environment);
  };
  return {
    async get(registry, repository) {
      const config = await load(path);
      for (const key of lookupKeys(registry, repository)) {
        const helper = config.helpers[key];
        // oxlint-disable-next-line no-await-in-loop -- ends at the first key that is there
        if (helper !== undefined) return new CredentialHelper(helper, environment).get(key);
        const credential = config.credentials[key];
        if (credential !== undefined) return credential;
      }
      return helperFor(config, registry)?.get(keyOfRegistry(registry));
    },
    async store(registry, credential) {
      const config = await load(path);
      const helper = helperFor(config, registry);
      if (helper !== undefined) return helper.store(keyOfRegistry(registry), credential);
      const auths = {
        ...withoutRegistry(config.document, registry),
        [keyOfRegistry(registry)]: formatEntry(credential),
      };
      await save(path, { ...config.document, auths });
    },
    async erase(registry) {
      const config = await load(path);
      const helped = await helperFor(config, registry)?.erase(keyOfRegistry(registry));
      const kept = withoutRegistry(config.document, registry);
      if (Object.keys(kept).length === Object.keys(authsOf(config.document)).length) return helped ?? false;
      await save(path, { ...config.document, auths: kept });
      return true;
    },
  };
}

async function load(path: string): Promise<DockerConfig> {
  try {
    return parseDockerConfig(await readFile(path, "utf8"), path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") return parseDockerConfig("{}", path);
    throw /^E[A-Z]+$/.test(code) ? credentialsError(`${path} cannot be read: ${code}`, error) : error;
  }
}

/** In one step, durable, and never readable by others, not even for a moment. */
async function save(path: string, document: JsonObject): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${stringifyJson(document, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (cause) {
    // Where there is no draft the first failure is the one to tell.
    await rm(draft, { force: true }).catch(() => undefined);
    throw credentialsError(`${path} cannot be written`, cause);
  }
}

function authsOf(document: JsonObject): JsonObject {
  const auths = document["auths"];
  return isJsonObject(auths) ? auths : {};
}

function withoutRegistry(document: JsonObject, registry: string): JsonObject {
  const kept = Object.entries(authsOf(document)).filter(([key]) => keyOfRegistry(key) !== keyOfRegistry(registry));
  return Object.fromEntries(kept);
}

function formatEntry(credential: Credential): JsonObject {
  if (credential.kind === "identity-token") return { identitytoken: credential.token };
  if (credential.kind === "access-token") return { registrytoken: credential.token };
  return { auth: encodeBase64(encodeUtf8(`${credential.username}:${credential.password}`)) };
}
