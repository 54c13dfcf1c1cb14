import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import type { Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { ColoniesClient, Identity } from "@cpm/colonies";
import { isJsonObject, parseJson } from "@cpm/base";
import { realColonyError } from "./errors.ts";
import { findPostgres } from "./postgres.ts";
import { installServer } from "./server-binary.ts";
import type { SupervisorOptions } from "./supervisor.ts";

export interface RealColonyOptions {
  /** Where executables are kept. Default: `cpm` in the user's cache directory. */
  readonly cacheDirectory?: string;
  readonly colonyName?: string;
  /** More of the server's own variables, such as `COLONIES_ALLOW_EXECUTOR_REREGISTER`. */
  readonly serverEnvironment?: Readonly<Record<string, string>>;
  /** The port on loopback. Default: any that is free. */
  readonly port?: number;
  /** A command that calls `supervise` with its last argument. Default: the runtime with this package's source. */
  readonly supervisorCommand?: readonly string[];
}

/** A running ColonyOS server with one colony and one user, reachable on loopback only. */
export interface RealColony {
  readonly endpoint: string;
  readonly colonyName: string;
  readonly serverOwner: Identity;
  readonly colonyOwner: Identity;
  readonly user: Identity;
  /** Whether the server is alone in a network namespace; if not, it listens on every interface. */
  readonly isolated: boolean;
  /** A client of the colony for the user. */
  readonly client: ColoniesClient;
  /** An executor that the owner has added and approved. */
  addExecutor(name: string, type: string): Promise<Identity>;
  /** Ends the server as a crash would; the database goes on. */
  killServer(): Promise<void>;
  startServer(): Promise<void>;
  stop(): Promise<void>;
}

/** Why the real server cannot run here; undefined when it can. */
export function whyNoRealColony(): string | undefined {
  if (process.platform === "win32") return "the ColonyOS server is not run on Windows";
  if (Bun.which("go") === null) return "there is no Go on this machine";
  try {
    findPostgres();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Builds the ColonyOS server if need be, starts it on a PostgreSQL of its own, registers a colony and a user over
 * the wire. Everything is removed at `stop`, and ends with this process in any case. Throws `dev/…` errors.
 */
export async function startRealColony(options: RealColonyOptions = {}): Promise<RealColony> {
  const executable = await installServer(options.cacheDirectory ?? defaultCacheDirectory());
  const folder = mkdtempSync(join(tmpdir(), "cpm-colony-"));
  const serverOwner = Identity.generate();
  const isolated = canIsolate();
  const ports = isolated ? [50_080, 5432, 2379, 2380, 2381] : await freePorts(5);
  const [port = 0, postgresPort = 0, client = 0, peer = 0, relay = 0] = ports;
  const supervisorOptions: SupervisorOptions = {
    folder,
    executable,
    serverId: serverOwner.id,
    port,
    postgresPort,
    extraPorts: [client, peer, relay],
    socketPath: join(folder, "server.sock"),
    isolated,
    environment: options.serverEnvironment ?? {},
  };
  const command = options.supervisorCommand ?? [process.execPath, join(import.meta.dir, "supervisor.ts")];
  const supervisor = new SupervisorProcess(command, supervisorOptions, isolated);
  try {
    // The database's user must reach its folder.
    mkdirSync(join(folder, "postgres"));
    makeReachable(folder);
    await supervisor.answer();
    const door = await openDoor(supervisorOptions.socketPath, options.port ?? 0);
    return await bootstrap(supervisor, door, {
      folder,
      serverOwner,
      isolated,
      colonyName: options.colonyName ?? "dev",
    });
  } catch (error) {
    const log = lastLines(join(folder, "server.log"));
    await supervisor.stop();
    rmSync(folder, { recursive: true, force: true });
    throw realColonyError("dev/start-failed", `${error instanceof Error ? error.message : String(error)}${log}`, error);
  }
}

export function defaultCacheDirectory(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "cpm");
}

interface Started {
  readonly folder: string;
  readonly serverOwner: Identity;
  readonly isolated: boolean;
  readonly colonyName: string;
}

async function bootstrap(supervisor: SupervisorProcess, door: Server, started: Started): Promise<RealColony> {
  const { colonyName, serverOwner } = started;
  const address = door.address();
  if (address === null || typeof address === "string") throw new Error("the loopback listener has no port");
  const endpoint = `http://127.0.0.1:${address.port}`;
  const [colonyOwner, user] = [Identity.generate(), Identity.generate()];
  const client = new ColoniesClient({ endpoint, colonyName, identity: user });
  await client.as(serverOwner).server.addColony({ id: colonyOwner.id, name: colonyName });
  await client.as(colonyOwner).colony.addUser({ id: user.id, name: "myuser" });
  return {
    endpoint,
    colonyName,
    serverOwner,
    colonyOwner,
    user,
    isolated: started.isolated,
    client,
    async addExecutor(name, type) {
      const identity = Identity.generate();
      const owner = client.as(colonyOwner);
      await owner.executors.add({ id: identity.id, name, type });
      await owner.executors.approve(name);
      return identity;
    },
    killServer: () => supervisor.command("kill-server"),
    startServer: () => supervisor.command("start-server"),
    async stop() {
      await new Promise<void>((resolve) => {
        door.close(() => resolve());
        closeConnections(door);
      });
      await supervisor.stop();
      rmSync(started.folder, { recursive: true, force: true });
    },
  };
}

/** The child that runs the servers; it ends when its standard input does. */
class SupervisorProcess {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #answers: AsyncIterator<string>;

  constructor(command: readonly string[], options: SupervisorOptions, isolated: boolean) {
    // In a namespace of processes nothing outlives the supervisor.
    const prefix = isolated ? ["unshare", "--net", "--pid", "--fork", "--kill-child", "--"] : [];
    this.#child = Bun.spawn([...prefix, ...command, JSON.stringify(options)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: Readable.fromWeb(this.#child.stdout as never) });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  async command(line: string): Promise<void> {
    void this.#child.stdin.write(`${line}\n`);
    await this.#child.stdin.flush();
    await this.answer();
  }

  async answer(): Promise<void> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error("the supervisor ended");
    const answer = parseJson(value);
    if (isJsonObject(answer) && answer["ok"] === true) return;
    throw new Error(isJsonObject(answer) && typeof answer["message"] === "string" ? answer["message"] : value);
  }

  async stop(): Promise<void> {
    await this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#child.exited;
    clearTimeout(timer);
  }
}

const connections = new WeakMap<Server, Set<{ destroy(): void }>>();

/** A listener on loopback that passes everything to the Unix socket of the supervisor. */
async function openDoor(socketPath: string, port: number): Promise<Server> {
  const open = new Set<{ destroy(): void }>();
  const door = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = createConnection({ path: socketPath, allowHalfOpen: true });
    outside.pipe(inside).pipe(outside);
    outside.on("error", () => inside.destroy()).on("close", () => open.delete(outside));
    inside.on("error", () => outside.destroy());
    open.add(outside);
  });
  connections.set(door, open);
  await new Promise<void>((resolve, reject) => door.once("error", reject).listen(port, "127.0.0.1", resolve));
  return door;
}

function closeConnections(door: Server): void {
  for (const connection of connections.get(door) ?? []) connection.destroy();
}

/** Whether this process may make namespaces, and bring loopback up in one. */
function canIsolate(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  if (Bun.which("unshare") === null || Bun.which("ip") === null) return false;
  const attempt = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--", "ip", "link", "set", "lo", "up"];
  return Bun.spawnSync(attempt).exitCode === 0;
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
  const ports = listeners.map((listener) => listener.port);
  for (const listener of listeners) listener.stop(true);
  return ports;
}

function makeReachable(folder: string): void {
  if (process.getuid?.() === 0) Bun.spawnSync(["chmod", "755", folder]);
}

function lastLines(path: string): string {
  try {
    return `\n${readFileSync(path, "utf8").split("\n").slice(-8).join("\n")}`;
  } catch {
    return ""; // The server never started.
  }
}
