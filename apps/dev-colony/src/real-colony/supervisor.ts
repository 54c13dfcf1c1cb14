/*
 * Runs PostgreSQL and the ColonyOS server as its children, inside namespaces of their own (network and processes)
 * where the parent started it in such, and a relay from a Unix socket to the server, which is the one way in. Reads
 * commands from standard input; when that ends, as it does when the parent dies however it dies, everything ends and
 * the folder is removed. One line of JSON on standard output answers each command.
 */
import { appendFileSync, openSync, readFileSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostgres, preparePostgres } from "./postgres.ts";

/** What the parent gives as the only argument, as JSON. */
export interface SupervisorOptions {
  readonly folder: string;
  readonly executable: string;
  readonly serverId: string;
  readonly port: number;
  readonly postgresPort: number;
  /** Ports of the server's embedded etcd and relay. */
  readonly extraPorts: readonly [number, number, number];
  readonly socketPath: string;
  /** In namespaces of its own, where loopback is still down. */
  readonly isolated: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 5000;
/** How much is shown of a server's log, in characters. */
const shownLength = 2000;

if (import.meta.main) await supervise(JSON.parse(process.argv[2] ?? "{}"));

/** Runs the servers until standard input ends. */
export async function supervise(options: SupervisorOptions): Promise<void> {
  const supervisor = new Supervisor(options);
  const stop = () => void supervisor.stop().then(() => process.exit(0));
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const lines = createInterface({ input: process.stdin });
  lines.on("close", stop);
  await answer(() => supervisor.start());
  for await (const line of lines) {
    if (line === "kill-server") await answer(() => supervisor.killServer());
    else if (line === "start-server") await answer(() => supervisor.startServer());
  }
}

async function answer(run: () => Promise<void>): Promise<void> {
  try {
    await run();
    process.stdout.write('{"ok":true}\n');
  } catch (error) {
    process.stdout.write(
      `${JSON.stringify({ ok: false, message: error instanceof Error ? error.message : String(error) })}\n`,
    );
  }
}

class Supervisor {
  readonly #options: SupervisorOptions;
  /** Outside of a namespace of processes, what makes a child end when this process is killed. */
  readonly #bound: readonly string[];
  readonly #stopping = new AbortController();
  #preparation: Promise<readonly string[]> | undefined;
  #postgres: Bun.Subprocess | undefined;
  #server: Bun.Subprocess | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const canBind = !options.isolated && process.platform === "linux" && Bun.which("setpriv") !== null;
    this.#bound = canBind ? ["setpriv", "--pdeathsig", "KILL", "--"] : [];
  }

  async start(): Promise<void> {
    const { folder, postgresPort, isolated } = this.#options;
    if (isolated) await this.#run(["ip", "link", "set", "lo", "up"]);
    const { signal } = this.#stopping;
    this.#preparation = preparePostgres(findPostgres(), join(folder, "postgres"), postgresPort, signal);
    const command = await this.#preparation;
    signal.throwIfAborted();
    const log = openSync(join(folder, "postgres.log"), "a");
    this.#postgres = Bun.spawn([...this.#bound, ...command], { cwd: "/", stdio: ["ignore", log, log] });
    await this.#waitForPort(postgresPort, this.#postgres);
    await this.startServer();
    await this.#relay();
  }

  async startServer(): Promise<void> {
    const { executable, folder, port, postgresPort, serverId, extraPorts, environment } = this.#options;
    const log = openSync(join(folder, "server.log"), "a");
    const [client, peer, relay] = extraPorts.map(String);
    const cluster = [
      "--etcdname",
      "dev",
      "--etcdhost",
      "127.0.0.1",
      "--etcdclientport",
      client,
      "--etcdpeerport",
      peer,
      "--relayport",
      relay,
    ];
    const initial = [
      "--initial-cluster",
      `dev=127.0.0.1:${peer}:${relay}:${port}`,
      "--etcddatadir",
      join(folder, `etcd-${Date.now()}`),
    ];
    this.#server = Bun.spawn(
      [
        ...this.#bound,
        executable,
        "server",
        "start",
        "--initdb",
        "--insecure",
        "--port",
        String(port),
        ...cluster,
        ...initial,
      ].filter((word) => word !== undefined),
      {
        cwd: folder,
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: folder,
          TZ: "UTC",
          COLONIES_DB_HOST: "127.0.0.1",
          COLONIES_DB_PORT: String(postgresPort),
          COLONIES_DB_USER: "postgres",
          COLONIES_DB_PASSWORD: "unused",
          COLONIES_DB_MAX_OPEN_CONNS: "20",
          COLONIES_SERVER_PORT: String(port),
          COLONIES_SERVER_HTTP_PORT: String(port),
          COLONIES_TLS: "false",
          COLONIES_SERVER_ID: serverId,
          COLONIES_INITDB: "true",
          ...environment,
        },
        stdio: ["ignore", log, log],
      },
    );
    await this.#waitForHealth(port, this.#server);
    void this.#tellOfEnd(this.#server);
  }

  /** Whoever loses the server unasked finds the reason in its log, which goes when the folder does. */
  async #tellOfEnd(server: Bun.Subprocess): Promise<void> {
    await server.exited;
    if (this.#server !== server) return;
    const log = readFileSync(join(this.#options.folder, "server.log"), "utf8");
    const cause = log.search(/^(panic|fatal error|SIG[A-Z]+): /m);
    const lines = cause === -1 ? log.slice(-shownLength) : log.slice(cause, cause + shownLength);
    process.stderr.write(`the ColonyOS server ended by itself, with status ${server.exitCode}:\n${lines}\n`);
  }

  async killServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.kill("SIGKILL");
    await server?.exited;
  }

  /** Ends the server and the database with all its processes, and removes what they wrote. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // Whoever still writes into the folder would have something left of it.
    await this.#preparation?.catch(() => undefined);
    await this.killServer();
    // Killed outright, the database would leave its own children to die by themselves.
    const postgres = this.#postgres;
    postgres?.kill("SIGQUIT");
    await Promise.race([postgres?.exited, sleep(stopTimeoutMs)]);
    postgres?.kill("SIGKILL");
    await postgres?.exited;
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  async #waitForHealth(port: number, child: Bun.Subprocess): Promise<void> {
    await this.#until(
      child,
      "the ColonyOS server",
      async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 200,
    );
  }

  async #waitForPort(port: number, child: Bun.Subprocess): Promise<void> {
    await this.#until(child, "PostgreSQL", async () => {
      const connection = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      connection.end();
      return true;
    });
  }

  async #until(child: Bun.Subprocess, what: string, ready: () => Promise<boolean>): Promise<void> {
    const turns = startTimeoutMs / 50;
    for (let turn = 0; turn < turns; turn++) {
      if (child.exitCode !== null) throw new Error(`${what} ended with status ${child.exitCode}`);
      try {
        if (await ready()) return;
      } catch {
        // Not listening yet: that is what is waited for.
      }
      await sleep(50);
    }
    throw new Error(`${what} was not ready after ${startTimeoutMs} ms`);
  }

  /** Bytes from the Unix socket to the server and back: HTTP and websocket alike. */
  async #relay(): Promise<void> {
    const { socketPath, port } = this.#options;
    const relay = createServer({ allowHalfOpen: true }, (inside) => {
      const outside = createConnection({ port, host: "127.0.0.1", allowHalfOpen: true });
      inside.pipe(outside).pipe(inside);
      inside.on("error", () => outside.destroy());
      outside.on("error", () => inside.destroy());
    });
    await new Promise<void>((resolve, reject) => relay.once("error", reject).listen(socketPath, resolve));
  }

  async #run(command: string[]): Promise<void> {
    const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "pipe"] });
    const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    if (exitCode !== 0) {
      appendFileSync(join(this.#options.folder, "server.log"), output);
      throw new Error(`${command.join(" ")} failed: ${output.trim()}`);
    }
  }
}
