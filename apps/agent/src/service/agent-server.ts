import { AgentService, Health } from "@cpm/agent-client/contract";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { AgentSocketOptions } from "./agent-socket.ts";
import { listenOnSocket } from "./agent-socket.ts";
import type { CallGate } from "./call-gate.ts";
import { createHealth } from "./health.ts";
import type { HealthState } from "./health.ts";
import { implement } from "./implement.ts";
import type { Handlers } from "./implement.ts";
import { createReflection } from "./reflection.ts";

/** For the statuses of calls that were ended to reach their clients. */
const lastWordsMs = 1000;

export interface AgentServerOptions {
  readonly handlers: Handlers<typeof AgentService>;
  readonly gate: CallGate;
  readonly health: () => HealthState;
  readonly socket: Omit<AgentSocketOptions, "onConnection">;
  readonly maxMessageBytes: number;
}

export interface AgentServer {
  readonly connections: number;
  /** Takes no more connections and calls, lets those that run end for so long, then ends them. */
  readonly stop: (graceMs: number) => Promise<void>;
}

/** Serves the contract, health and reflection on a Unix domain socket. Throws `agent/address`. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const { handlers, gate, health, maxMessageBytes } = options;
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    // A client that is suspended must not keep a stream for good.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  const services = [
    implement(AgentService, handlers, gate),
    implement(Health, createHealth(health), gate),
    createReflection([AgentService, Health]),
  ];
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  let connections = 0;
  let onClosed = (): void => {};
  const socket = await listenOnSocket({
    ...options.socket,
    onConnection(connection) {
      connections++;
      connection.once("close", () => {
        connections--;
        if (connections === 0) onClosed();
      });
      // A connection that breaks ends its calls; there is nobody else to tell.
      connection.on("error", () => {});
      injector.injectConnection(connection);
    },
  });
  const allClosed = async (): Promise<void> => {
    if (connections === 0) return;
    await Promise.race([new Promise<void>((resolve) => (onClosed = resolve)), Bun.sleep(lastWordsMs)]);
  };
  return {
    get connections() {
      return connections;
    },
    async stop(graceMs) {
      socket.close();
      // Clients are told to go on over another connection, and calls that run end on the one they have.
      injector.drain(graceMs + lastWordsMs);
      await gate.drain(graceMs);
      await allClosed();
      server.forceShutdown();
      await allClosed();
    },
  };
}
