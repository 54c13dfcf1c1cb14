import { chmodSync, existsSync, lstatSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { removeFile } from "@cpm/store";
import { peerCredentialsOf } from "@cpm/system";
import { agentError } from "../errors.ts";
import { formatPeer } from "./caller.ts";

export interface AgentSocketOptions {
  /** Where to listen. Undefined with a socket that was inherited. */
  readonly path: string | undefined;
  /** An open, listening socket, given by whoever started this process. */
  readonly inherited: number | undefined;
  /** Of a socket that is made here; who may open it may call. */
  readonly mode: number;
  readonly maxConnections: number;
  readonly onConnection: (socket: Socket) => void;
}

/** A socket that accepts. */
export interface AgentSocket {
  /** Ends accepting; connections stay. A socket that was inherited stays where it is, for the next to serve it. */
  close(): void;
}

/**
 * Accepts connections, each with the credentials of its peer as its address. Throws `agent/address` where another
 * process serves the path, or it cannot be made.
 */
export async function listenOnSocket(options: AgentSocketOptions): Promise<AgentSocket> {
  const { path, inherited, mode, maxConnections, onConnection } = options;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    nameByPeer(socket);
    onConnection(socket);
  });
  server.maxConnections = maxConnections;
  if (inherited !== undefined) {
    await listening(server, { fd: inherited }, `descriptor ${inherited}`);
    return { close: () => void server.close() };
  }
  if (path === undefined) throw new TypeError("neither a path nor a descriptor to listen on");
  await removeAbandoned(path);
  await bound(server, path);
  chmodSync(path, mode);
  return { close: () => void server.close() };
}

/** The kernel's word on who connected, where a call will look for it. The runtime shows the descriptor by this name only. */
function nameByPeer(socket: Socket): void {
  const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } })._handle ?? {};
  const peer = typeof fd === "number" ? peerCredentialsOf(fd) : undefined;
  Object.defineProperty(socket, "remoteAddress", { value: formatPeer(peer) });
  Object.defineProperty(socket, "remotePort", { value: 0 });
}

/**
 * Nobody may connect before the mode is what it is to be. The mask is the whole process's, so it is as it was before
 * anything is waited for: what others make meanwhile gets the mode that they say.
 */
function bound(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  try {
    return listening(server, { path }, path);
  } finally {
    process.umask(before);
  }
}

function listening(
  server: Server,
  at: { readonly fd: number } | { readonly path: string },
  where: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(agentError("agent/address", `cannot listen at ${where}: ${cause.message}`, { cause })),
    );
    server.listen(at, resolve);
  });
}

/** A socket that a process left behind when it died. One that answers is another's, and so is a file of another kind. */
async function removeAbandoned(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) throw agentError("agent/address", `${path} is there and is no socket`);
  if (await answers(path)) throw agentError("agent/address", `another process serves ${path}`);
  removeFile(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
