import { spawn } from "node:child_process";
import { collectBytes, decodeUtf8, encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { Credential } from "./credentials.ts";
import { credentialsError } from "./errors.ts";

/** `process.env`, or what a test has in its place. */
export type Environment = Readonly<Record<string, string | undefined>>;

const timeoutMs = 30_000;
const maxAnswerBytes = 64 * 1024;
const identityUser = "<token>";

/**
 * A program that keeps credentials, `docker-credential-<name>` (docker's credential helper protocol): the
 * operation as its argument, the server or the credential on its input, JSON on its output.
 */
export class CredentialHelper {
  readonly #name: string;
  readonly #environment: Environment;

  /** Throws `registry/credentials` for a name that could be something else than one program. */
  constructor(name: string, environment: Environment) {
    if (!/^[A-Za-z0-9_.-]+$/.test(name)) throw credentialsError(`"${name}" is not the name of a credential helper`);
    this.#name = name;
    this.#environment = environment;
  }

  /** A helper that fails has nothing for the server; one that is not there is an error. */
  async get(server: string): Promise<Credential | undefined> {
    const { status, output } = await this.#run("get", serverUrl(server));
    if (status !== 0) return undefined;
    const answer = this.#parse(output);
    const { Username: username, Secret: secret } = isJsonObject(answer) ? answer : {};
    if (typeof username !== "string" || typeof secret !== "string" || secret === "") return undefined;
    if (username === identityUser) return { kind: "identity-token", token: secret };
    return { kind: "password", username, password: secret };
  }

  async store(server: string, credential: Credential): Promise<void> {
    const [username, secret] =
      credential.kind === "password" ? [credential.username, credential.password] : [identityUser, credential.token];
    const input = stringifyJson({ ServerURL: serverUrl(server), Username: username, Secret: secret });
    const { status } = await this.#run("store", input);
    if (status !== 0) throw credentialsError(`docker-credential-${this.#name} did not keep the credential`);
  }

  /** False when the helper had none, which it reports as a failure. */
  async erase(server: string): Promise<boolean> {
    return (await this.#run("erase", serverUrl(server))).status === 0;
  }

  #parse(output: Uint8Array) {
    try {
      return parseJson(decodeUtf8(output), { file: `docker-credential-${this.#name}` });
    } catch (cause) {
      throw credentialsError(`docker-credential-${this.#name} did not answer in JSON`, cause);
    }
  }

  async #run(operation: string, input: string): Promise<{ status: number | null; output: Uint8Array }> {
    const program = `docker-credential-${this.#name}`;
    const child = spawn(program, [operation], {
      stdio: ["pipe", "pipe", "ignore"],
      timeout: timeoutMs,
      env: { ...this.#environment },
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    // A helper may end without reading; its status says what there is to say.
    child.stdin.on("error", () => undefined);
    try {
      child.stdin.end(encodeUtf8(input));
      const [status, output] = await Promise.all([ended, collectBytes(child.stdout, maxAnswerBytes)]);
      return { status, output };
    } catch (cause) {
      child.kill();
      throw credentialsError(`${program} did not answer`, cause);
    }
  }
}

/** Docker's own registry goes by an address that is older than the protocol. */
function serverUrl(server: string): string {
  return server === "docker.io" ? "https://index.docker.io/v1/" : server;
}
