import { openRegistry } from "./registry.ts";
import type { LogEntry } from "./registry.ts";

export interface ServeOptions {
  readonly dataDirectory: string;
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly log?: (entry: LogEntry) => void;
}

export interface RunningRegistry {
  /** `http://host:port`. */
  readonly endpoint: string;
  /** `host:port`, as references name it. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Listens, and answers where. `stop` lets requests that run finish. */
export function serveRegistry(options: ServeOptions): RunningRegistry {
  const { dataDirectory, hostname, port, log } = options;
  const registry = openRegistry({ dataDirectory, ...(log === undefined ? {} : { log }) });
  const server = Bun.serve({
    hostname,
    port,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    // A stalled client is dropped; a slow one is not.
    idleTimeout: 120,
    fetch: (request) => registry.fetch(request),
  });
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port ?? 0}`;
  return {
    endpoint: `http://${host}`,
    host,
    async stop() {
      await server.stop();
      registry.close();
    },
  };
}
