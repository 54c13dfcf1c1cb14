import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ColoniesClient, Identity } from "@cpm/colonies";
import type { DevColony } from "@cpm/dev-colony";
import { startDevColony } from "@cpm/dev-colony";
import type { RunningRegistry } from "@cpm/registry";
import { serveRegistry } from "@cpm/registry";

export const cliPath = join(import.meta.dir, "../../../apps/cli/src/main.ts");

interface CliRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export interface CliRunOptions {
  /** Over the workplace's own; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Words before the program, such as those that take its rights away. */
  readonly prefix?: readonly string[];
}

/** A user with a home, a registry and a colony that keeps releases; everything goes with `stop`. */
export interface Workplace {
  /** Where commands run and packages are written. */
  readonly folder: string;
  readonly home: string;
  /** For temporary files of the commands. */
  readonly temporary: string;
  readonly packages: string;
  readonly env: Readonly<Record<string, string>>;
  readonly registry: RunningRegistry;
  readonly colony: DevColony;
  readonly user: ColoniesClient;
  readonly owner: ColoniesClient;
  /** Runs the command line as a process of its own. */
  cpm(argv: readonly string[], options?: CliRunOptions): Promise<CliRun>;
  spawn(argv: readonly string[], options?: CliRunOptions): Bun.Subprocess<"pipe", "pipe", "pipe">;
  /** Adds and approves an executor that never takes work. */
  addIdleExecutor(type: string): Promise<void>;
  /** Another colony of the server, with the same user, that was not prepared. */
  addColony(name: string): Promise<void>;
  write(path: string, text: string): void;
  /** What commands left that nothing will use again: staging, drafts, scratch folders. */
  leftovers(): readonly string[];
  stop(): Promise<void>;
}

export async function openWorkplace(): Promise<Workplace> {
  const root = mkdtempSync(join(tmpdir(), "cpm-workplace-"));
  const [folder, home, temporary] = [join(root, "work"), join(root, "home"), join(root, "tmp")];
  for (const path of [folder, home, temporary]) mkdirSync(path);
  // A test may run a command as somebody else.
  for (const path of [root, folder, temporary]) chmodSync(path, 0o777);
  const [serverOwner, colonyOwner, user] = [Identity.generate(), Identity.generate(), Identity.generate()];
  const registry = await serveRegistry({
    dataDirectory: join(root, "registry"),
    hostname: "127.0.0.1",
    port: 0,
    access: "open",
  });
  const colony = startDevColony({ serverId: serverOwner.id });
  const client = new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev", identity: user });
  const owner = client.as(colonyOwner);
  await client.as(serverOwner).server.addColony({ id: colonyOwner.id, name: "dev" });
  await owner.colony.addUser({ id: user.id, name: "me" });
  const packages = join(root, "packages");
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    TMPDIR: temporary,
    CPM_REGISTRY: registry.host,
    CPM_PACKAGES: packages,
    COLONIES_SERVER_HOST: "127.0.0.1",
    COLONIES_SERVER_PORT: String(colony.port),
    COLONIES_COLONY_NAME: "dev",
    COLONIES_PRVKEY: user.exportPrivateKey(),
  };
  let executors = 0;
  const spawn: Workplace["spawn"] = (argv, options = {}) => {
    const child = Bun.spawn([...(options.prefix ?? []), process.execPath, cliPath, ...argv], {
      cwd: options.cwd ?? folder,
      env: { ...env, ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    void child.stdin.write(options.stdin ?? "");
    void child.stdin.end();
    return child;
  };
  const place: Workplace = {
    folder,
    home,
    temporary,
    packages,
    env,
    registry,
    colony,
    user: client,
    owner,
    spawn,
    async cpm(argv, options) {
      const child = spawn(argv, options);
      const [stdout, stderr, status] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return { stdout, stderr, status };
    },
    async addIdleExecutor(type) {
      const name = `idle-${++executors}`;
      await owner.executors.add({ id: Identity.generate().id, name, type });
      await owner.executors.approve(name);
    },
    async addColony(name) {
      await client.as(serverOwner).server.addColony({ id: colonyOwner.id, name });
      const other = new ColoniesClient({ endpoint: colony.endpoint, colonyName: name, identity: colonyOwner });
      await other.colony.addUser({ id: user.id, name: "me" });
    },
    write(path, text) {
      const full = join(folder, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, text);
    },
    leftovers: () => [
      ...list(temporary).filter((name) => !name.startsWith("bun")),
      ...list(join(packages, "staging")).map((name) => `staging/${name}`),
      ...list(join(packages, "locks")).filter((name) => name.includes(".write")),
      ...list(folder).filter((name) => name.endsWith(".tmp")),
    ],
    async stop() {
      await colony.stop();
      await registry.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
  const prepared = await place.cpm(["colony", "init"], {
    env: { COLONIES_COLONY_PRVKEY: colonyOwner.exportPrivateKey() },
  });
  if (prepared.status !== 0) throw new Error(`the colony could not be prepared: ${prepared.stderr}`);
  return place;
}

function list(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
