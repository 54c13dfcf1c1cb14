import { registryError } from "./errors.ts";
import { openRegistry } from "./registry.ts";
import type { Registry, RegistryOptions } from "./registry.ts";

export interface ServeOptions extends RegistryOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Lets an open registry listen where other machines reach it. Default false: loopback addresses only. */
  readonly openAnywhere?: boolean;
  /** How long requests may go on after `stop`. Default 10 s. */
  readonly graceMs?: number;
}

const defaultGraceMs = 10_000;

export interface RunningRegistry {
  /** `http://host:port`. */
  readonly endpoint: string;
  /** `host:port`, as references name it. */
  readonly host: string;
  stop(): Promise<void>;
}

/**
 * Listens, and answers where. `stop` lets requests that run finish for a while, and then ends them: what arrived of
 * an upload is kept. Throws what `openRegistry` throws, and `registry-server/not-open` for an open registry that
 * other machines would reach.
 */
export function serveRegistry(options: ServeOptions): RunningRegistry {
  const { hostname, port, graceMs = defaultGraceMs } = options;
  if (options.access === "open" && options.openAnywhere !== true && !isLoopback(hostname))
    throw registryError("registry-server/not-open", `at ${hostname} other machines could publish to an open registry`);
  const registry = openRegistry(options);
  const server = listen(registry, hostname, port);
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port ?? 0}`;
  return {
    endpoint: `http://${host}`,
    host,
    async stop() {
      const force = setTimeout(() => void server.stop(true), graceMs);
      await server.stop();
      clearTimeout(force);
      registry.close();
    },
  };
}

function listen(registry: Registry, hostname: string, port: number): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname,
      port,
      development: false,
      // With development off Bun would let a second process listen on the same port.
      reusePort: false,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      // A stalled client is dropped; a slow one is not.
      idleTimeout: 120,
      fetch(request, server) {
        // A package is read to its end before its manifest is answered.
        if (request.method === "PUT" && request.url.includes("/manifests/")) server.timeout(request, 0);
        return registry.fetch(request, server.requestIP(request)?.address);
      },
    });
  } catch (cause) {
    registry.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw registryError("registry-server/address", `cannot listen on ${hostname}:${port}: ${why}`, undefined, cause);
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
