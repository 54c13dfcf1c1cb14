import { fileURLToPath } from "node:url";
import { ProcessFigures } from "../process-figures.ts";
import { startListening } from "./listening-process.ts";

/** A process that answers on a Unix domain socket. */
export interface SocketServer {
  readonly name: string;
  readonly socket: string;
  readonly figures: ProcessFigures;
  stop(): Promise<void>;
}

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The agent as it is shipped, and an empty echo on its gRPC stack and on Go's. Ours is the first. */
export async function startServers(options: {
  readonly folder: string;
  readonly root: string;
  readonly registry: string;
  /** Executables. */
  readonly agent: string;
  readonly client: string;
}): Promise<readonly [SocketServer, ...SocketServer[]]> {
  const { folder, root, registry, agent, client } = options;
  const socket = (name: string): string => `${folder}/${name}.sock`;
  const flags = ["serve", "--root", root, "--socket", socket("agent"), "--registry", registry];
  const started: SocketServer[] = [];
  const start = async (name: string, at: string, command: readonly string[]): Promise<SocketServer> => {
    const server = await startServer(name, at, command);
    started.push(server);
    return server;
  };
  try {
    return [
      await start("cpm-agent", socket("agent"), [agent, ...flags]),
      await start("empty echo, Bun", socket("echo"), [process.execPath, source("echo-server.ts"), socket("echo")]),
      await start("empty echo, Go", socket("go"), [client, "serve", socket("go")]),
    ];
  } catch (error) {
    for (const server of started) await server.stop();
    throw error;
  }
}

async function startServer(name: string, socket: string, command: readonly string[]): Promise<SocketServer> {
  const { pid, stop } = await startListening(command, /^listening/m);
  return { name, socket, figures: new ProcessFigures(pid), stop };
}
