import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianPrograms, goPrograms, installDebianProgram, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";

/** A registry that is not ours, on a directory of its own, with one user; it asks for Basic. Must be stopped. */
export interface BackingRegistry {
  readonly host: string;
  readonly username: string;
  readonly password: string;
  stop(): Promise<void>;
}

/** How one is started; the program is built or fetched on first use. */
export type StartBacking = () => Promise<BackingRegistry>;

const startTimeoutMs = 30_000;

/** docker-registry 2.8, of Debian. */
export const startDockerRegistry: StartBacking = async () => {
  const { executable, env } = await installDebianProgram(debianPrograms.dockerRegistry, defaultCacheDirectory());
  return start(executable, env);
};

/** The registry of the distribution project, version 3. */
export const startDistribution: StartBacking = async () =>
  start(await installGoProgram(goPrograms.distribution, defaultCacheDirectory()), {});

async function start(executable: string, env: Readonly<Record<string, string>>): Promise<BackingRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-backing-"));
  const user = { username: "nina", password: "correct horse battery" };
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  mkdirSync(join(folder, "data"));
  // The one kind of hash that these registries take.
  const hash = await Bun.password.hash(user.password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(join(folder, "htpasswd"), `${user.username}:${hash}\n`);
  writeFileSync(join(folder, "config.yml"), configOf(folder, host));
  const child = Bun.spawn([executable, "serve", join(folder, "config.yml")], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const log = new Response(child.stderr).text();
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const giveUpAt = performance.now() + startTimeoutMs;
  while (!(await answers(host))) {
    if (child.exitCode === null && performance.now() < giveUpAt) await new Promise((done) => setTimeout(done, 50));
    else {
      await stop();
      throw new Error(`${executable} did not start: ${(await log).slice(-600)}`);
    }
  }
  return { host, ...user, stop };
}

function configOf(folder: string, host: string): string {
  return `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${folder}/data}
  delete: {enabled: true}
http: {addr: "${host}"}
auth:
  htpasswd: {realm: backing, path: ${folder}/htpasswd}
`;
}

/** These registries do not say which port they were given, so one that was free a moment ago is named. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("there is no port");
  return address.port;
}

async function answers(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`).then(
    ({ status }) => status === 401,
    () => false,
  );
}
