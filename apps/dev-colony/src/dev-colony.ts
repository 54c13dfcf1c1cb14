import { ColonyServer } from "./colony-server.ts";
import type { Subscriber } from "./colony-server.ts";
import { ColonyState } from "./colony-state.ts";
import type { ColonySettings } from "./colony-state.ts";
import { openJournal } from "./tables.ts";

export interface DevColonyOptions {
  /** The id of the server's owner: who may add colonies. */
  readonly serverId: string;
  /** Default: any free port. It listens on loopback only. */
  readonly port?: number;
  /** A SQLite file that keeps everything over a restart. Default: memory only. */
  readonly journalPath?: string;
  readonly allowReregister?: boolean;
  readonly staleExecutorMs?: number;
  /** How often limits and schedules are looked at, in milliseconds. Default 1000, as ColonyOS. */
  readonly tickMs?: number;
}

export interface DevColony {
  readonly endpoint: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts an embedded server with the wire behaviour of ColonyOS 1.9.12, for authors and tests. */
export function startDevColony(options: DevColonyOptions): DevColony {
  const settings: ColonySettings = {
    serverId: options.serverId,
    allowReregister: options.allowReregister ?? false,
    staleExecutorMs: options.staleExecutorMs ?? 600_000,
    now: () => Date.now(),
  };
  const journal = options.journalPath === undefined ? undefined : openJournal(options.journalPath);
  const server = new ColonyServer(new ColonyState(settings, journal));
  const timer = setInterval(() => server.tick(), options.tickMs ?? 1000);
  const subscriptions = new WeakMap<object, (() => void)[]>();
  const listener = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    // An assign call may wait for minutes.
    idleTimeout: 0,
    maxRequestBodySize: 256 * 1024 * 1024,
    fetch(request, bun) {
      if (new URL(request.url).pathname === "/pubsub" && bun.upgrade(request)) return undefined;
      return server.fetch(request);
    },
    websocket: {
      message(socket, frame) {
        const subscriber: Subscriber = { send: (text) => void socket.send(text), close: () => socket.terminate() };
        const end = server.subscribe(typeof frame === "string" ? frame : frame.toString("utf8"), subscriber);
        subscriptions.set(socket, [...(subscriptions.get(socket) ?? []), end]);
      },
      close(socket) {
        for (const end of subscriptions.get(socket) ?? []) end();
      },
    },
  });
  const port = listener.port ?? 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    async stop() {
      clearInterval(timer);
      await listener.stop(true);
      journal?.close();
    },
  };
}
