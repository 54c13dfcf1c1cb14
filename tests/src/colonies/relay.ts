import { createConnection, createServer } from "node:net";
import type { Socket } from "node:net";

/** A server's front door on loopback, at which websockets can be counted, refused and cut. */
export interface Relay {
  readonly endpoint: string;
  /** Websocket connections that are open now. */
  readonly socketsOpen: number;
  /** Websocket connections that were asked for, refused ones too. */
  readonly socketsAsked: number;
  refuseSockets(refuse: boolean): void;
  /** Ends the open websockets without a close frame, as the server does. */
  cutSockets(): void;
  stop(): Promise<void>;
}

export async function startRelay(endpoint: string): Promise<Relay> {
  const target = new URL(endpoint);
  const sockets = new Set<Socket>();
  const connections = new Set<Socket>();
  let refusing = false;
  let asked = 0;
  const server = createServer((outside) => {
    connections.add(outside);
    outside.on("close", () => {
      connections.delete(outside);
      sockets.delete(outside);
    });
    outside.on("error", () => outside.destroy());
    outside.once("data", (first: Buffer) => {
      if (first.toString("latin1").startsWith("GET /pubsub")) {
        asked++;
        if (refusing) {
          outside.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
          return;
        }
        sockets.add(outside);
      }
      const inside = createConnection({ host: target.hostname, port: Number(target.port) });
      inside.on("error", () => outside.destroy());
      inside.on("close", () => outside.destroy());
      outside.on("close", () => inside.destroy());
      inside.write(first);
      outside.pipe(inside).pipe(outside);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    get socketsOpen() {
      return sockets.size;
    },
    get socketsAsked() {
      return asked;
    },
    refuseSockets: (refuse) => {
      refusing = refuse;
    },
    cutSockets: () => {
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      for (const connection of connections) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
